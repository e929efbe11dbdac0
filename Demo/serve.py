#!/usr/bin/env python3
"""Serves models of the demonstration herd, each behind its own llama.cpp server, until it is told to stop.

    Scripts/demo/serve.sh                                      # the whole herd
    Scripts/demo/serve.sh --models tiny-add,tiny-date --ports-file /tmp/ports.json
    Scripts/demo/serve.sh --herd-out /tmp/herd.yaml            # for `herdctl model add --file`

Prints a line `NAME URL` for each model and then `ready`; URL is the base of an OpenAI-compatible API. The ports are the
kernel's choice, on 127.0.0.1. SIGTERM and SIGINT stop all servers; they also stop if this process is killed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

import yaml

from tiny_herd.herd_file import HERD_FILE, HerdFileError, chosen
from tiny_herd.herd_file import read as read_herd
from tiny_herd.llama_server import ServerError, running


def write_ports(path: Path, urls: dict[str, str]) -> None:
    """Writes name -> URL as one JSON object; the file appears complete or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(urls, indent=2) + "\n", encoding="utf-8")
    partial.replace(path)


def write_herd(path: Path, herd: Path, urls: dict[str, str], slots: int) -> None:
    """Writes the herd file anew, with the served models only and the endpoint of each."""
    models = [
        {**entry, "endpoints": [{"base_url": urls[entry["name"]], "max_concurrency": slots}]}
        for entry in yaml.safe_load(herd.read_text(encoding="utf-8"))["models"]
        if entry["name"] in urls
    ]
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(yaml.safe_dump({"models": models}, sort_keys=False), encoding="utf-8")
    partial.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--herd", type=Path, default=HERD_FILE, help="herd file (default: Demo/herd.yaml)")
    parser.add_argument("--models", metavar="A,B", help="serve these models only")
    parser.add_argument("--ports-file", type=Path, metavar="F", help="write name -> URL as JSON, once all are ready")
    parser.add_argument("--herd-out", type=Path, metavar="F", help="write the herd file with the models' endpoints")
    parser.add_argument("--slots", type=int, default=4, help="requests a model answers at once (default: 4)")
    options = parser.parse_args()
    if not 1 <= options.slots <= 64:
        parser.error("--slots must be from 1 to 64")

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with running(chosen(read_herd(options.herd), options.models), options.slots) as servers:
            urls = {name: f"{server.url}/v1" for name, server in servers.items()}
            if options.herd_out is not None:
                write_herd(options.herd_out, options.herd, urls, options.slots)
            if options.ports_file is not None:
                write_ports(options.ports_file, urls)
            for name, url in urls.items():
                print(name, url)
            print("ready", flush=True)
            stopped.wait()
    except (HerdFileError, ServerError, OSError) as error:
        print(f"serve.py: {error}", file=sys.stderr)
        return 2
    finally:
        if options.ports_file is not None:
            options.ports_file.unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
