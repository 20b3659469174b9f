"""The settings of target-servicenow, each described once: ``--about`` prints them from here."""

from __future__ import annotations

import typing as t

from singer_sdk import typing as th

SCHEMA: dict[str, t.Any] = th.PropertiesList(
    th.Property(
        "instance_url",
        th.StringType(nullable=False),
        required=True,
        title="Instance URL",
        description="The instance's full URL, or just its name: dev12345 means "
        "https://dev12345.service-now.com.",
    ),
    th.Property(
        "auth_method",
        th.StringType(nullable=False),
        default="oauth_client_credentials",
        allowed_values=["oauth_client_credentials", "basic"],
        title="Authentication",
        description="OAuth 2.0 client credentials, or a service account's user name and password "
        "where the instance still allows Basic.",
    ),
    th.Property(
        "client_id",
        th.StringType,
        secret=True,
        title="Client ID",
        description="Client ID of the OAuth application registered in ServiceNow, for "
        "oauth_client_credentials.",
    ),
    th.Property(
        "client_secret",
        th.StringType,
        secret=True,
        title="Client secret",
        description="Client secret of that application. If empty, it is looked up in the "
        "operating system's credential store (service: the instance URL, user: the client ID), if "
        "the keyring extra is installed.",
    ),
    th.Property(
        "username",
        th.StringType,
        title="User name",
        description="User name of the service account, for basic.",
    ),
    th.Property(
        "password",
        th.StringType,
        secret=True,
        title="Password",
        description="Password of the service account. If empty, it is looked up in the credential "
        "store (service: the instance URL, user: the user name).",
    ),
    th.Property(
        "mapping",
        th.StringType(nullable=False),
        default="default",
        title="Mapping",
        description="The mapping profile: default, or the path of your own YAML file.",
    ),
    th.Property(
        "mapping_overrides",
        th.ObjectType(additional_properties=True),
        title="Mapping overrides",
        description="Merged into the mapping, with the same structure; a null removes what it "
        'names: {"tables": {"proc_vendor": {"source_column": "u_sage", '
        '"columns": {"fax": null}}}}.',
    ),
    th.Property(
        "unmapped_streams",
        th.StringType(nullable=False),
        default="fail",
        allowed_values=["fail", "skip", "passthrough"],
        title="Unmapped streams",
        description="What to do with a stream that the mapping does not name: fail the run, skip "
        "the stream, or write it to the table of its own name, property by property.",
    ),
    th.Property(
        "mode",
        th.StringType(nullable=False),
        default="apply",
        allowed_values=["apply", "plan"],
        title="Mode",
        description="Write to ServiceNow, or only report what would be written: plan sends no "
        "write, emits no state, and keeps old and new values in the ledger.",
    ),
    th.Property(
        "validate_records",
        th.BooleanType(nullable=False),
        default=False,
        title="Validate records",
        description="Validate each record against its whole schema first, and reject it if it "
        "does not match. What is mapped is checked in any case.",
    ),
    th.Property(
        "batch_size_rows",
        th.IntegerType(nullable=False, minimum=1),
        default=2000,
        title="Batch size",
        description="Rows of a stream that are collected, looked up and compared together; a "
        "batch of invoices counts as many as it holds.",
    ),
    th.Property(
        "workers",
        th.IntegerType(nullable=False, minimum=1, maximum=4),
        default=2,
        title="Workers",
        description="Sessions that write in parallel. ServiceNow runs about four integration "
        "requests at once for all its clients together.",
    ),
    th.Property(
        "checkpoint_seconds",
        th.IntegerType(nullable=False, minimum=0),
        default=30,
        title="Checkpoint interval",
        description="Seconds between checkpoints, at which collected records are written and state "
        "is emitted.",
    ),
    th.Property(
        "on_missing_reference",
        th.StringType(nullable=False),
        default="hold",
        allowed_values=["hold", "blank", "reject"],
        title="Missing references",
        description="When a row points at one that ServiceNow does not have: hold it and retry it "
        "automatically, write it without that reference (a row that exists keeps the one it has) "
        "and try the reference again in the next run, or reject it.",
    ),
    th.Property(
        "on_long_text",
        th.StringType(nullable=False),
        default="reject",
        allowed_values=["reject", "truncate"],
        title="Long texts",
        description="When a text is longer than its column, according to ServiceNow's dictionary: "
        "reject the row, or cut the text.",
    ),
    th.Property(
        "max_rejects",
        th.IntegerType(minimum=0),
        title="Maximum rejects",
        description="More newly rejected rows than this fail the run; those that finished runs "
        "left waiting do not count. If empty, any number is only recorded.",
    ),
    th.Property(
        "max_inactive_percent",
        th.IntegerType(nullable=False, minimum=0, maximum=100),
        default=10,
        title="Maximum inactive",
        description="After a complete read (ACTIVATE_VERSION), rows that it did not include are "
        "set inactive; invoices that are no longer in their batch are cancelled. If they are more "
        "than five, and more than this percentage of a company's rows in the table (of a batch's "
        "invoices), they are held back and listed by ledger rejects, and the run goes on.",
    ),
    th.Property(
        "ledger_path",
        th.StringType,
        title="Ledger",
        description="The SQLite file that records what was done with every record. It belongs to "
        "one instance; another one is refused. If empty, it is output/{environment}.ledger.sqlite "
        "in the Meltano project, or target-servicenow.ledger.sqlite in the current folder without "
        "Meltano. A relative path starts in the same folder.",
    ),
    th.Property(
        "ledger_keep_days",
        th.IntegerType(nullable=False, minimum=0),
        default=0,
        title="Ledger retention",
        description="Days after which entries are deleted when a run starts; the log says how "
        "many. 0 keeps all.",
    ),
    th.Property(
        "mark_state",
        th.BooleanType(nullable=False),
        default=False,
        title="Mark state",
        description="Add to the emitted state which run of the ledger it comes from "
        "(target_servicenow), and refuse a state whose run the ledger does not hold, since rows "
        "that wait would be lost. For taps that hand through what they do not know in their state, "
        "such as tap-sage300.",
    ),
    th.Property(
        "connect_timeout_seconds",
        th.IntegerType(nullable=False, minimum=1),
        default=10,
        title="Connect timeout",
        description="Seconds to wait for a connection.",
    ),
    th.Property(
        "read_timeout_seconds",
        th.IntegerType(nullable=False, minimum=1),
        default=90,
        title="Read timeout",
        description="Seconds to wait for a whole answer, header and body.",
    ),
    th.Property(
        "batch_limit_seconds",
        th.IntegerType(nullable=False, minimum=1),
        default=30,
        title="Limit of a Batch call",
        description="Seconds after which the instance itself ends a Batch call, by its transaction "
        "quota rule REST Batch API request timeout. A write whose answer was lost is looked up "
        "only after that, so give the instance's figure if it was raised.",
    ),
    th.Property(
        "max_retries",
        th.IntegerType(nullable=False, minimum=0),
        default=5,
        title="Retries",
        description="Times a request is repeated when ServiceNow is busy or does not answer.",
    ),
    th.Property(
        "verify_ssl",
        th.BooleanType(nullable=False),
        default=True,
        title="Verify TLS",
        description="Verify the instance's certificate.",
    ),
    th.Property(
        "ca_bundle",
        th.StringType,
        title="CA bundle",
        description="PEM file of the authorities to trust instead of the usual ones.",
    ),
).to_dict()
