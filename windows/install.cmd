@echo off
rem Installs everything from this folder, without a network. After an upgrade, run it again.
setlocal
cd /d "%~dp0" || exit /b 1
set PYTHONUTF8=1

uv.exe python find --no-python-downloads "cpython>=3.11,<3.15" >nul 2>nul
if errorlevel 1 (
  echo Python 3.11 to 3.14 was not found, and nothing was installed. Install a 64-bit Python for all users,
  echo then run install.cmd again.
  exit /b 1
)

echo Installing the packages, about a minute ...
uv.exe venv --quiet --clear --no-python-downloads --python "cpython>=3.11,<3.15" .venv || goto failed
uv.exe pip sync --quiet --python .venv --require-hashes requirements.txt || goto failed
uv.exe pip install --quiet --python .venv --no-deps --no-build-isolation -e tap-sage300 -e target-servicenow || goto failed

echo Installing the two plugins for Meltano ...
.venv\Scripts\meltano.exe --log-level=warning install --clean || goto failed

if not exist output mkdir output
if not exist .env copy .env.example .env >nul
echo Done. Fill in the file .env, then run: run.cmd --environment=test invoke tap-sage300 --test
exit /b 0

:failed
echo The installation failed: the reason stands above. Nothing outside this folder was changed.
exit /b 1
