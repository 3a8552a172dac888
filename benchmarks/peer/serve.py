"""One instance of the usual build: `python -m benchmarks.peer.serve DATABASE PORT`, with the packages of requirements.txt."""

import sys
from pathlib import Path

import uvicorn
from fastapi_mcp import FastApiMCP  # type: ignore[import-not-found]  # only the usual build's own packages have it

from benchmarks.peer.app import shop_app
from benchmarks.peer.models import engine_of, fill


def main() -> None:
    """Serve until a signal; a database that is not there is made first."""
    database, port = sys.argv[1:]
    engine = engine_of(database)
    if not Path(database).exists():
        fill(engine)
    app = shop_app(engine)
    FastApiMCP(app).mount_http()
    uvicorn.run(app, port=int(port), log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
