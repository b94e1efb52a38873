# SPDX-License-Identifier: BSD-3-Clause
"""One line of JSON per event, written at once and whole."""

import json
import os
import threading
import time


class EventLog:
    def __init__(self, path):
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lock = threading.Lock()

    def write(self, event, **fields):
        line = json.dumps({"ev": event, "t": time.time(), **fields}) + "\n"
        with self._lock:
            os.write(self._fd, line.encode())
