@echo off
rem Starts Meltano in this folder. Without arguments: the job, in the environment prod.
rem With arguments, those of Meltano: run.cmd --environment=test invoke tap-sage300 --test
setlocal
cd /d "%~dp0" || exit /b 1
set PYTHONUTF8=1

if not exist .venv\Scripts\meltano.exe (
  echo Nothing is installed here yet: run install.cmd first.
  exit /b 1
)
if "%~1"=="" (
  .venv\Scripts\meltano.exe --environment=prod run sage300-to-servicenow
) else (
  .venv\Scripts\meltano.exe %*
)
exit /b %errorlevel%
