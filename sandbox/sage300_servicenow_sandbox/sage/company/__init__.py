"""The generator of companies: their master data and two years of documents."""
