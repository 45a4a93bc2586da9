#!/usr/bin/env python3
"""Bots on bad networks: the release binary with `convene load` behind `convene impair`, several seeds, medians.

Prints one JSON object per scenario, with what it must reach; the same on a virtual clock is in `make test`
(src/room/tests/loss.rs, bottleneck.rs). Needs a release build; takes five minutes.

    benches/networks.py [scenario …]       SEEDS=5 SECONDS_EACH=15
"""

import json
import os
import signal
import statistics
import subprocess
import sys

from run import BINARY, KEY_ID, KEY_SECRET, Server, free_ports, output

SEEDS = int(os.environ.get("SEEDS", 5))
SECONDS = int(os.environ.get("SECONDS_EACH", 15))
# Bits per second, and a packet size that divides the frames of all layers well.
BOTTLENECKS = {"300k": (300e3, 337), "1M": (1e6, 1125), "2.5M": (2.5e6, 703), "5M": (5e6, 1125)}
CAMERAS = 4
# Of the bottleneck: the largest layer of each camera; the others are a quarter and a sixteenth of it. All four do not
# fit, three and a quarter do.
TOP_LAYER = 0.27
BEST = TOP_LAYER * (CAMERAS - 0.75)


class Network:
    """A server whose media goes through the emulator."""

    def __init__(self, up, down, seed):
        self.up, self.down, self.seed = up, down, seed

    def __enter__(self):
        media, outside = free_ports()[1], free_ports()[1]
        settings = {
            "CONVENE_MEDIA_SHARDS": "1",
            "CONVENE_MEDIA_LISTEN": f"127.0.0.1:{media}",
            "CONVENE_MEDIA_ADVERTISE": f"127.0.0.1:{outside}",
            "CONVENE_MEDIA_TCP_PORT": "0",
        }
        self.server = Server(**settings).__enter__()
        command = [BINARY, "impair", "--listen", f"127.0.0.1:{outside}", "--to", f"127.0.0.1:{media}"]
        command += ["--up", self.up, "--down", self.down, "--seed", str(self.seed)]
        self.proxy = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
        self.proxy.stdout.readline()
        return self

    def __exit__(self, *_):
        if self.proxy.poll() is None:
            self.stop()
        self.server.__exit__()

    def stop(self):
        """Ends the emulator; returns what it counted."""
        self.proxy.send_signal(signal.SIGTERM)
        return json.loads(self.proxy.communicate(timeout=10)[0].splitlines()[-1])

    def load(self, arguments):
        command = [BINARY, "load", "--url", self.server.url, "--key-id", KEY_ID, "--json", *arguments.split()]
        env = os.environ | {"LOADTEST_KEY_SECRET": KEY_SECRET}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return output(subprocess.Popen([str(part) for part in command], env=env, text=True, **pipes))


def repaired(latency, round_trip):
    """Two people who send and receive, 5 % loss on both legs in both directions: all packets count."""
    leg = f"latency={latency},loss=0.05"
    runs = []
    for seed in range(1, SEEDS + 1):
        with Network(leg, leg, seed) as network:
            report = network.load(
                f"--meeting 2 --audio --bitrate 1M --burst --round-trip {round_trip} --deadline 200ms"
                f" --warmup 5s --duration {SECONDS}s"
            )
        runs.append(report["punctual"] | {"faults": report["faults"]})
        print(seed, runs[-1], file=sys.stderr)
    median = statistics.median(run["ratio"] for run in runs)
    return {"leg": leg, "inTime": median, "goal": "inTime >= 0.999", "met": median >= 0.999, "runs": runs}


def bottleneck(rate):
    """A viewer of four cameras that want more than its link carries. Control packets and probes count as used."""
    bps, packet = BOTTLENECKS[rate]
    runs = []
    for seed in range(1, SEEDS + 1):
        with Network("latency=23ms,jitter=4ms", f"latency=23ms,jitter=4ms,rate={rate}", seed) as network:
            report = network.load(
                f"--publishers {CAMERAS} --subscribers 1 --simulcast --bitrate {int(bps * TOP_LAYER)} --packet-size {packet}"
                f" --all-sections --warmup 5s --duration {SECONDS}s"
            )
            counters = network.stop()
        used = report["packets"]["receivedMegabitsPerSecond"] * 1e6 / bps
        down = counters["down"]
        runs.append({
            "used": round(used, 3),
            "lost": down["overflowed"] / max(1, down["received"]),
            "layers": report["delivered"]["layers"],
            "latencyMs": report["latencyMs"],
        })
        print(seed, runs[-1], file=sys.stderr)
    used = statistics.median(run["used"] for run in runs)
    lost = statistics.median(run["lost"] for run in runs)
    met = used >= 0.8 * BEST and lost < 0.01
    goal = f"used >= 0.8 of the best that fits, {BEST:.2f}; lost < 0.01"
    return {"rate": rate, "used": used, "lost": lost, "goal": goal, "met": met, "runs": runs}


SCENARIOS = {
    "repaired50": lambda: repaired("25ms", "50ms"),
    "repaired25": lambda: repaired("12500us", "25ms"),
} | {f"bottleneck{rate}": (lambda rate=rate: bottleneck(rate)) for rate in BOTTLENECKS}

if __name__ == "__main__":
    for name in sys.argv[1:] or SCENARIOS:
        print(json.dumps({"name": name, "seeds": SEEDS} | SCENARIOS[name]()), flush=True)
