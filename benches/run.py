#!/usr/bin/env python3
"""Every benchmark in one go: microbenchmarks, the machine's limit, then `convene load` against a real server.

Writes its tables to docs/benchmarks.md. `make bench` runs it; it takes about twelve minutes after the build.
`--only <text>` runs the workloads whose name contains the text and prints instead of writing the page.
Each workload has a server of its own, in a temporary folder and on free ports, so that memory is comparable.
"""

import argparse
import datetime
import functools
import json
import os
import pathlib
import platform
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/convene"
PAGE = ROOT / "docs/benchmarks.md"
KEY_ID = "bench"
KEY_SECRET = "a-bench-secret-of-at-least-32-bytes"
# A lost packet in ten thousand is a full buffer somewhere on a busy machine, not a server at its end.
LOSSLESS = 0.9999
# Below this a CPU figure says nothing, because the server did less work than it is credited with.
DELIVERED = 0.999
SATURATION_FPS = 240
# Percent of a core that other programs may take before a run is repeated, and marked if that does not help.
DISTURBED = 15
ATTEMPTS = 2


def free_ports():
    """One TCP port, and the first of two neighbouring UDP ports: one per shard."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(
            type=socket.SOCK_DGRAM
        ) as second:
            tcp.bind(("127.0.0.1", 0))
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return tcp.getsockname()[1], port


def on(core):
    """What a command starts with to have that core and no other."""
    return ["taskset", "-c", core]


class Server:
    """A server of its own; `prefix` is put before its command."""

    def __init__(self, prefix=(), **settings):
        self.prefix, self.settings = prefix, settings

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="convene-bench-")
        http, media = free_ports()
        self.url = f"http://127.0.0.1:{http}"
        env = {name: value for name, value in os.environ.items() if not name.startswith("CONVENE_")}
        env |= {
            "CONVENE_SERVER_LISTEN": f"127.0.0.1:{http}",
            "CONVENE_MEDIA_LISTEN": f"127.0.0.1:{media}",
            "CONVENE_MEDIA_TCP_PORT": str(free_ports()[0]),
            "CONVENE_MEDIA_SHARDS": "2",
            # All bots of a meeting speak at once; each row says how many are to be heard.
            "CONVENE_MEDIA_AUDIBLE": "0",
            "CONVENE_STORAGE_DATA_DIR": f"{self.folder.name}/data",
            "CONVENE_AUTH_KEYS": f"{KEY_ID}:{KEY_SECRET}",
            "CONVENE_AUTH_LOGIN_PER_IP": "0",
            "CONVENE_AUTH_LOGIN_PER_ACCOUNT": "0",
            "CONVENE_CHAT_RATE_SCALE": "0",
        } | self.settings
        self.log = open(f"{self.folder.name}/log", "w")
        command = [*self.prefix, BINARY, "serve", "--dev"]
        self.process = subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log)
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"{self.url}/readyz", timeout=2)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        log = pathlib.Path(self.log.name).read_text()
        self.__exit__()
        sys.exit(f"the server did not start:\n{log}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.folder.cleanup()

    def load(self, arguments, *prefix):
        """Starts `convene load`; `finish` has the report."""
        command = [*prefix, BINARY, "load", *arguments.split(), "--json", "--url", self.url]
        command += ["--server-pid", self.process.pid, "--key-id", KEY_ID]
        env = os.environ | {"LOADTEST_KEY_SECRET": KEY_SECRET}
        command = [str(part) for part in command]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        before = self.clocks()
        return subprocess.Popen(command, env=env, text=True, **pipes), before

    def drops(self):
        """Reason → datagrams and packets the server itself has thrown away so far, but for those of bots that
        have just left."""
        found = re.findall(r'^convene_packets_dropped_total{reason="(\w+)"} (\d+)', self.metrics(), re.M)
        return {reason: int(count) for reason, count in found if reason != "unknown_address"}

    def by_shard(self, name):
        """Shard → value of a metric."""
        found = re.findall(rf'^{name}\{{shard="(\d+)"\}} (\S+)', self.metrics(), re.M)
        return {shard: float(value) for shard, value in found}

    def metrics(self):
        return urllib.request.urlopen(f"{self.url}/metrics", timeout=5).read().decode()

    def run(self, arguments):
        return self.finish(self.load(arguments))

    def chat(self, arguments, prefix=("nice", "-n", "10")):
        """A run of `convene load chat`. What it found wrong is in the report, so that is worth showing.

        Clients have machines of their own. Here they share one with the server, so they get a core that it has not,
        or step back for it; what they read later for that counts as the server's delay."""
        load, before = self.load(f"chat {arguments}", *prefix)
        out, err = load.communicate(timeout=300)
        if not out.strip():
            raise RuntimeError(err.strip() or f"convene load chat ended with {load.returncode}")
        return self.timed(json.loads(out), before)

    def finish(self, load):
        process, before = load
        return self.timed(output(process), before)

    def timed(self, report, before):
        """Adds what others did meanwhile."""
        (then, busy, ours), (now, busy_now, ours_now) = before, self.clocks()
        report["othersPercent"] = max(0, (busy_now - busy) - (ours_now - ours)) / (now - then) * 100
        return report

    def clocks(self):
        """Wall time, CPU time of the whole machine, CPU time of the server and of finished load tools."""
        second = os.sysconf("SC_CLK_TCK")
        # user, nice, system, idle, iowait, irq, softirq, steal
        machine = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        server = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        tools = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = (int(server[11]) + int(server[12])) / second + tools.ru_utime + tools.ru_stime
        return time.monotonic(), (sum(machine) - machine[3] - machine[4]) / second, ours


def output(process, timeout=120):
    out, err = process.communicate(timeout=timeout)
    if process.returncode != 0:
        raise RuntimeError(err.strip() or f"convene load ended with {process.returncode}")
    return json.loads(out)


def calmest(attempt):
    """The report of the least disturbed attempt."""
    reports = []
    while not reports or (reports[-1]["othersPercent"] > DISTURBED and len(reports) < ATTEMPTS):
        reports.append(attempt())
    return min(reports, key=lambda report: report["othersPercent"])


def alone(arguments, **settings):
    """A run against a server that has seen nothing else: only there memory can be compared."""

    def attempt():
        with Server(**settings) as server:
            return server.run(arguments)

    return calmest(attempt)


class Row:
    """One line of the table. `limit` is the name of the matching line of the limit program."""

    def __init__(self, name, report, limit=None, goal="", met=None, result=None):
        self.name, self.report, self.limit, self.goal = name, report, limit, goal
        self.met, self.result = met, result
        self.problems = problems(report)

    def cells(self, limits):
        report, server = self.report, self.report.get("server") or {}
        cpu = server.get("cpuUsPerPacket") if report["packets"]["received"] else None
        limit = limits.get(self.limit)
        met = self.met(report) if self.met else None
        return [
            self.name,
            self.result(report) if self.result else "",
            number(cpu, 2),
            number(limit and limit["cpu_us_per_packet"], 2),
            number(cpu and limit and cpu / limit["cpu_us_per_packet"], 2),
            number(report["latencyMs"]["p50"], 2),
            number(report["latencyMs"]["p99"], 2),
            number(report.get("packetsPerSend"), 1),
            f"{delivered(report) * 100:.2f} %" if report["packets"]["received"] else "",
            number(server.get("residentBytes") and server["residentBytes"] / 1e6, 0),
            number(server.get("kilobytesPerParticipant"), 0),
            self.goal,
            "**invalid**: " + "; ".join(self.problems) if self.problems else verdict(met),
            number(report["othersPercent"], 0),
        ]


HEADS = [
    "Workload",
    "Result",
    "CPU µs/packet",
    "Limit",
    "Ratio",
    "p50 ms",
    "p99 ms",
    "Packets/send",
    "Delivered",
    "Server MB",
    "kB/participant",
    "Goal",
    "Reached",
    "Others %",
]


def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def verdict(met):
    return "" if met is None else ("yes" if met else "no")


def delivered(report):
    sink = report.get("sink")
    return min(report["delivered"]["ratio"], sink["ratio"]) if sink else report["delivered"]["ratio"]


def problems(report, least=DELIVERED):
    """Why the figures of a run must not be believed."""
    found = []
    if report["failed"]:
        found.append(f"{report['failed']} bots failed ({report['failures'][0]})")
    faults = report["faults"]
    if faults["corrupt"] or faults["misplaced"]:
        found.append(f"{faults['corrupt']} corrupt and {faults['misplaced']} misplaced packets")
    if delivered(report) < least:
        found.append("packets were lost")
    sink = report.get("sink")
    if sink and sink["verified"] < sink["counted"] / 64 * 0.9:
        found.append("the sample that was verified is too small")
    return found


def cpu_at_most(goal):
    return lambda report: report["server"]["cpuUsPerPacket"] <= goal


def one(arguments, *columns, name, server=None, **more):
    """A workload that is one run of the load tool."""
    return name, lambda: [Row(name, alone(arguments, **(server or {})), *columns, **more)]


CALL = "--publishers 1 --burst --ramp 10ms --warmup 1s --duration 6s"
HEAVY = f"{CALL} --subscribers 50 --bitrate 5.76M"


def flood(packets_per_second, seconds):
    """The arguments of one publisher whose packets to fifty subscribers are so many in all, and how many it sends per
    frame."""
    per_frame = max(1, round(packets_per_second / 50 / SATURATION_FPS))
    arguments = (
        f"--publishers 1 --subscribers 50 --sink --burst --ramp 5ms --warmup 1s --duration {seconds}s "
        f"--fps {SATURATION_FPS} --bitrate {per_frame * SATURATION_FPS * 1200 * 8}"
    )
    return arguments, per_frame


def forget_memory(report):
    """Where it means nothing: a server that has grown before, or a single participant."""
    report["server"]["residentBytes"] = report["server"]["kilobytesPerParticipant"] = None


@functools.cache
def saturated():
    """The report of the largest rate without loss, by bisection, and whether nothing disturbed it; a rate that was
    measured, never a guess."""
    with Server() as server:

        def attempt(packets_per_second):
            arguments, per_frame = flood(packets_per_second, 3)
            before = server.drops()
            report = calmest(lambda: server.run(arguments))
            forget_memory(report)
            sent = report["packets"]["sentPerSecond"]
            # A load tool that cannot send what it was told to says nothing about the server.
            kept_up = sent >= 0.97 * per_frame * SATURATION_FPS
            good = kept_up and not problems(report, LOSSLESS)
            dropped = {why: n - before.get(why, 0) for why, n in server.drops().items() if n > before.get(why, 0)}
            log(
                f"  {packets_per_second / 1000:.0f} k/s: {delivered(report) * 100:.3f} %, server "
                f"{report['server']['cpuPercent']:.0f} %, tool {report['botsCpuPercent']:.0f} %, others "
                f"{report['othersPercent']:.0f} % of a core"
                + (f", server dropped {dropped}" if dropped else "")
                + ("" if kept_up else f", sent only {sent * 50:.0f}/s")
            )
            nonlocal calm
            calm = calm and (good or report["othersPercent"] <= DISTURBED)
            return report if good else None

        low, high, best, calm = 100_000, 1_300_000, None, True
        for rate in (250_000, 500_000):
            report = attempt(rate)
            if report:
                low, best = rate, report
            else:
                high = rate
                break
        while high - low > 40_000:
            middle = (low + high) // 2
            report = attempt(middle)
            if report:
                low, best = middle, report
            else:
                high = middle
        if not best:
            raise RuntimeError("no rate without loss was found")
    return best, calm


def saturation():
    best, calm = saturated()

    def result(report):
        rate, server = report["packets"]["receivedPerSecond"], report["server"]
        return (
            f"{rate / 1000:.0f} k packets/s lossless; server {server['cpuPercent']:.0f} %, "
            f"load tool {report['botsCpuPercent']:.0f} % of a core"
            + ("" if calm else "; a lower bound, other programs disturbed the search")
        )

    met = lambda report: report["packets"]["receivedPerSecond"] >= 520_000
    name = "1 × 50, saturated"
    return [Row(name, best, "forwarder, 1 × 50, saturated", "≥ 520 k/s on a core", met, result)]


def storm():
    """A small call alone, and while a hundred people join other rooms of the same server."""
    call = f"{CALL} --subscribers 20 --sink"
    quiet = alone(call)
    with Server() as server:
        load = server.load(call)
        for line in load[0].stderr:
            if line.strip() == "measuring":
                break
        joins = server.run("--idle 100 --rooms 10 --ramp 10ms --warmup 0s --duration 1s")
        during = server.finish(load)

    # The joins are in the same process: per packet and per participant these would mean nothing.
    during["server"] = None
    added = during["latencyMs"]["p99"] - quiet["latencyMs"]["p99"]

    def join_times(_):
        times = joins["joinMs"]["connected"]
        return f"p99 of forwarding {added:+.2f} ms; joins p50 {times['p50']:.0f}, p99 {times['p99']:.0f} ms"

    rows = [
        Row("1 × 20, alone", quiet),
        Row("1 × 20, while 100 join within 1 s", during, None, "p99 + 2 ms", lambda _: added <= 2, join_times),
    ]
    rows[1].problems += problems(joins)
    return rows


def idle():
    """Memory of people who only sit there in groups of ten, then what a join costs, step by step."""
    sitting = alone("--idle 500 --rooms 50 --ramp 5ms --warmup 1s --duration 3s")
    tens = alone("--idle 200 --rooms 20 --ramp 5ms --warmup 0s --duration 1s --staged")
    single = alone("--idle 200 --rooms 200 --ramp 5ms --warmup 0s --duration 1s --staged")

    def background(report):
        return f"{report['server']['cpuPercent']:.1f} % of a core while idle"

    def steps(report):
        cost = report["joinMs"]["steps"]
        return (
            f"{cost['mediaCpuMs']:.2f} ms CPU for offer, ICE, DTLS and answer; before that "
            f"{cost['sessionCpuMs']:.2f} ms to sign in and {cost['callCpuMs']:.2f} ms to enter the call"
        )

    few = lambda report: report["server"]["kilobytesPerParticipant"] <= 25
    quick = lambda report: report["joinMs"]["steps"]["mediaCpuMs"] <= 0.5
    forget_memory(tens)
    forget_memory(single)
    return [
        Row("500 idle participants", sitting, None, "≤ 25 kB each", few, background),
        Row("200 joins, rooms of ten", tens, None, "≤ 0.5 ms CPU", quick, steps),
        Row("200 joins, a room each", single, None, "≤ 0.5 ms CPU", quick, steps),
    ]


class Plain:
    """A line that is no measurement of packets."""

    def __init__(self, name, result, goal="", met=None, problems=()):
        self.name, self.result, self.goal, self.met, self.problems = name, result, goal, met, list(problems)

    def cells(self, _):
        empty = [""] * (len(HEADS) - 5)
        state = "**invalid**: " + "; ".join(self.problems) if self.problems else verdict(self.met)
        return [self.name, self.result, *empty, self.goal, state, ""]


def churned():
    with Server(CONVENE_SERVER_RESUME_WINDOW="2s") as server:
        process, _ = server.load("--idle 16 --rooms 16 --churn 10000")
        report = output(process, timeout=600)
    before, after = report["residentBytes"]
    result = (
        f"{before / 1e6:.1f} MB after 500 cycles, {after / 1e6:.1f} MB after all; "
        f"{report['cpuMsPerCycle']:.2f} ms CPU per cycle"
    )
    # Page caches of the database go on growing to their bound of 2 MB per connection.
    return [Plain("10 000 × sign in, call, connect, leave", result, "≤ 10 % more", after <= before * 1.1)]


def spread():
    """One publisher, two hundred subscribers, a hundred on each shard: what crosses does so once."""
    with Server(CONVENE_MEDIA_SPREAD_AT="100", CONVENE_MEDIA_MAX_PARTICIPANTS="300") as server:
        load = server.load(f"{CALL} --subscribers 200 --simulcast --audio --sink")
        seen = {}
        for line in load[0].stderr:
            if line.strip() == "measuring":
                seen = server.by_shard("convene_media_sessions")
                break
        report = server.finish(load)
        crossed = sum(server.by_shard("convene_relay_received_packets_total").values())

    def shards(_):
        return f"sessions per shard {' and '.join(f'{n:.0f}' for n in seen.values())}; {crossed:.0f} packets crossed"

    lossless = lambda report: delivered(report) >= 1
    return [Row("1 × 200 over two shards", report, None, "lossless", lossless, shards)]


def chat():
    """Messages while media flows: 50 a second, on a quiet server, during 30 k packets/s and near the shard's end."""
    quiet = alone("--idle 1 --chat-rate 50 --warmup 0s --duration 4s")
    busy = alone(f"{HEAVY} --sink --chat-rate 50")
    # What one shard carries is what the machine allows in this very run.
    nearly_full, _ = flood(0.8 * saturated()[0]["packets"]["receivedPerSecond"], 6)
    full = alone(f"{nearly_full} --chat-rate 50", CONVENE_MEDIA_SHARDS="1")

    def acks(report):
        times, server = report["chatAckMs"], report["server"]
        return (
            f"chat ack p50 {times['p50']:.1f}, p99 {times['p99']:.1f} ms ({times['count']} messages); "
            f"server {server['cpuPercent']:.0f} %, load tool {report['botsCpuPercent']:.0f} % of a core"
        )

    quick = lambda report: report["chatAckMs"]["p99"] <= 50
    for report in (quiet, busy, full):
        forget_memory(report)
    return [
        Row("chat, quiet server", quiet, result=acks),
        Row("chat during 1 × 50, 30 k/s", busy, None, "p99 ≤ 50 ms", quick, acks),
        Row("chat, one shard 80 % busy", full, None, "p99 ≤ 50 ms", quick, acks),
    ]


class ChatRow:
    """A line of the chat table. `goal` is its text and whether a report reaches it."""

    def __init__(self, name, report, result, goal=("", None), times=None):
        self.name, self.report, self.result, self.goal = name, report, result, goal
        self.times = times or {}
        self.problems = chat_problems(report)

    def cells(self, _):
        text, met = self.goal
        server = self.report.get("server") or {}
        return [
            self.name,
            self.result,
            number(self.times.get("p50"), 1),
            number(self.times.get("p99"), 1),
            number(server.get("cpuPercent"), 0),
            text,
            "**invalid**: " + "; ".join(self.problems) if self.problems else verdict(met),
            number(self.report["othersPercent"], 0),
        ]


CHAT_HEADS = ["Workload", "Result", "p50 ms", "p99 ms", "Server CPU %", "Goal", "Reached", "Others %"]
# One address opens all connections of a run.
CROWD = {"CONVENE_SERVER_MAX_CONNECTIONS_PER_IP": "0"}
# Where a figure is meant for one core: all threads of the server share the first, the load tool has the other.
SERVER_CORE, TOOL_CORE = "0", "1"
CORE_RUNS = 5
# The CPU time of a change of presence is a difference of two readings, and these swing.
PRESENCE_RUNS = 3


def chat_problems(report):
    """Why the figures of a chat run must not be believed."""
    found = [f"{count} {what}" for what, count in (report.get("faults") or {}).items() if count]
    for what in ("refused", "unanswered", "cut", "failed"):
        if report.get(what):
            found.append(f"{report[what]} {what}")
    return found


def chat_alone(arguments, one_core=False):
    def attempt():
        if one_core:
            with Server(on(SERVER_CORE), **CROWD) as server:
                return server.chat(arguments, on(TOOL_CORE))
        with Server(**CROWD) as server:
            return server.chat(arguments)

    return calmest(attempt)


def several(count, figure, attempt):
    """Runs it so often: the run with the median of the figure, or one that went wrong; and every run's figure."""
    reports = sorted((attempt() for _ in range(count)), key=figure)
    wrong = [report for report in reports if chat_problems(report)]
    return (wrong or reports)[0 if wrong else count // 2], [figure(report) for report in reports]


def messages(name, arguments, goal="", met=lambda report: None, times="deliveryMs", one_core=False):
    """Messages to rooms for six seconds. With `one_core` the whole server shares one: the median of some runs, since a
    core that is full for a moment, because its host is slower, is all of the 99th percentile."""

    def run():
        attempt = lambda: chat_alone(f"fan-out --duration 6s --warmup 2s {arguments}", one_core)
        report, each_p99 = several(CORE_RUNS if one_core else 1, lambda report: report[times]["p99"], attempt)
        each = report["deliveriesPerCpuSecond"] / 1000
        result = (
            f"{report['acksPerSecond']:.0f} messages/s, {report['deliveriesPerSecond'] / 1000:.0f} k deliveries/s to "
            f"{report['connections']}; {each:.0f} k per second of server CPU; load tool {report['toolCpuPercent']:.0f} %"
        )
        if one_core:
            result += "; p99 of all runs " + ", ".join(f"{p99:.1f}" for p99 in each_p99)
        return [ChatRow(name, report, result, (goal, met(report)), report[times])]

    return name, run


def idle_sockets():
    report = chat_alone("idle --connections 10000 --sessions 10")
    heap = report["heapBytesPerConnection"] / 1000
    result = (
        f"{heap:.1f} kB each, {report['residentBytes'] / 1e6:.0f} MB in all; to connect {report['connectCpuMs']:.2f} ms "
        f"CPU each, {report['connectSeconds']:.0f} s"
    )
    return [ChatRow("10 000 idle sessions", report, result, ("≤ 10 kB each", heap <= 10))]


def reconnects():
    report = chat_alone("storm --connections 10000 --sessions 10")
    acks = report["stormAckMs"]
    result = (
        f"all back after {report['backSeconds']:.1f} s, {report['resumed']} resumed; {report['faults']['lost']} messages "
        f"lost of {report['sent']} to {report['members']}; delays: acknowledgements meanwhile"
    )
    met = report["backSeconds"] <= 10 and report["resumed"] == report["connections"] and acks["p99"] <= 250
    goal = ("resumed within 10 s, 0 lost, p99 ≤ 250 ms", met)
    return [ChatRow("10 000 sockets lost at once", report, result, goal, acks)]


def watched_person():
    def runs(arguments):
        attempt = lambda: chat_alone(f"presence --watchers 100 --flips 7 {arguments}")
        return several(PRESENCE_RUNS, lambda report: report["cpuMsPerFlip"], attempt)

    def result(report, each):
        return (
            f"{report['cpuMsPerFlip']:.2f} ms CPU per change, heard {report['heard']} of {report['expected']} times; "
            f"{report['idleCpuMs']:.1f} ms CPU per second without; all runs "
            + ", ".join(f"{cost:.2f}" for cost in each)
        )

    few, each_few = runs("--connections 1000")
    many, each_many = runs("--connections 10000 --sessions 10")

    # Below a millisecond the difference of two readings is noise.
    same = many["cpuMsPerFlip"] <= 1.5 * max(few["cpuMsPerFlip"], 1)
    name = "a status changes, 100 watch, connections:"
    return [
        ChatRow(f"{name} 1 000", few, result(few, each_few)),
        ChatRow(f"{name} 10 000", many, result(many, each_many), ("about the same", same)),
    ]


CHAT = [
    messages(
        "chat: 2 000 messages/s, durable",
        "--rooms 20 --members 5 --rate 2000",
        "ack p99 ≤ 10 ms",
        lambda report: report["ackMs"]["p99"] <= 10,
        times="ackMs",
    ),
    messages(
        "chat: peak, 800 under way",
        "--rooms 40 --members 5 --in-flight 4",
        "≥ 7 000 messages/s",
        lambda report: report["acksPerSecond"] >= 7000,
        times="ackMs",
    ),
    messages(
        "chat: 10 rooms of 100, one core",
        # What comes at the end of the window is answered after it: five more than the goal.
        "--rooms 10 --members 100 --rate 1205",
        "≥ 120 k deliveries/s, p99 ≤ 25 ms",
        lambda report: report["deliveriesPerSecond"] >= 120_000 and report["deliveryMs"]["p99"] <= 25,
        one_core=True,
    ),
    messages("chat: 10 rooms of 100", "--rooms 10 --members 100 --rate 1200"),
    messages("chat: 20 rooms of 50", "--rooms 20 --members 50 --rate 1200"),
    messages(
        "chat: one room of 1 000, one core",
        "--rooms 1 --members 500 --sessions 2 --rate 502",
        "≥ 500 k deliveries/s, p99 ≤ 60 ms",
        lambda report: report["deliveriesPerSecond"] >= 500_000 and report["deliveryMs"]["p99"] <= 60,
        one_core=True,
    ),
    messages(
        "chat: a room of 50, one core",
        "--rooms 1 --members 50 --rate 1000",
        "p99 ≤ 10 ms",
        lambda report: report["deliveryMs"]["p99"] <= 10,
        one_core=True,
    ),
    ("chat: idle sessions", idle_sockets),
    ("chat: reconnect storm", reconnects),
    ("chat: presence", watched_person),
]


def browser():
    """Chromium sends 720p simulcast to 50 sinks: needs the browsers of `make setup`."""
    environment = os.environ | {"TEST_BINARY": str(BINARY)}
    command = ["node", "benches/browser.mjs"]
    out = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=600)
    if out.returncode != 0:
        raise RuntimeError(out.stderr.strip()[-500:])
    runs = [json.loads(line) for line in out.stdout.splitlines()]
    without = {one["path"]: one["cpuUsPerPacket"] for one in runs if not one["trains"]}
    rows = []
    for one in runs:
        name = f"Chromium 720p → 50, {one['path']}, trains {'on' if one['trains'] else 'off'}"
        result = (
            f"{one['cpuUsPerPacket']:.2f} µs/packet, {one['packetsPerSend']:.1f} packets/send; top layer "
            f"{one['megabits']:.2f} Mb/s, {one['packetsPerSecond']} packets/s, {one['ratio'] * 100:.2f} % delivered"
        )
        bad = ["packets were lost"] if one["ratio"] < LOSSLESS or one["failed"] else []
        if one["megabits"] < 2:
            bad.append("the publisher sent less than it should")
        goal = ("", None)
        if one["trains"] and not one["path"].startswith("uplink"):
            share = one["cpuUsPerPacket"] / without[one["path"]]
            result += f"; {share * 100:.0f} % of the CPU without trains"
            goal = ("≥ 6 packets/send, ≤ 50 %", one["packetsPerSend"] >= 6 and share <= 0.5)
        rows.append(Plain(name, result, *goal, bad))
    return rows


HUNDRED, FIFTY = "forwarder, 1 × 100, 150 packets/s", "forwarder, 1 × 50, 150 packets/s"
THIRTY_K, SPEECH = "forwarder, 1 × 50, 600 packets/s", "forwarder, audio, 3 speakers × 50"
p99_goal = lambda report: report["latencyMs"]["p99"] <= 1.2
active = lambda report: f"memory per active participant ≤ 66 kB: {verdict(report['server']['kilobytesPerParticipant'] <= 66)}"
GALLERY = "forwarder, 10 × 9, 150 packets/s each"
# Warmed up until most see the largest pictures: before that it is another load, with fewer packets.
MEETING = "--meeting 10 --simulcast --audio --ramp 20ms --warmup 12s --duration 6s"

WORKLOADS = [
    one(f"{CALL} --subscribers 50", FIFTY, name="1 × 50, 1.5 Mb/s"),
    one(f"{CALL} --subscribers 50 --sink", FIFTY, "p99 ≤ 1.2 ms", p99_goal, name="1 × 50, 1.5 Mb/s, sinks"),
    one(f"{CALL} --subscribers 100", HUNDRED, "≤ 3.0 µs", cpu_at_most(3.0), active, name="1 × 100, 1.5 Mb/s"),
    one(HEAVY, THIRTY_K, "≤ 2.0 µs", cpu_at_most(2.0), name="1 × 50, 30 k packets/s"),
    one(
        HEAVY,
        name="1 × 50, 30 k packets/s, without trains",
        server={"CONVENE_MEDIA_TRAINS": "false"},
    ),
    one(f"{HEAVY} --sink", THIRTY_K, "≤ 2.0 µs", cpu_at_most(2.0), name="1 × 50, 30 k packets/s, sinks"),
    ("1 × 50, saturated", saturation),
    one(
        f"{MEETING} --burst",
        GALLERY,
        "≤ 3.2 µs",
        cpu_at_most(3.2),
        active,
        name="10 × 10 meeting, simulcast and audio",
    ),
    one(MEETING, GALLERY, "≤ 3.2 µs", cpu_at_most(3.2), name="the same, frames spread over their time"),
    one(f"{MEETING} --burst --layer 0", name="the same, smallest layers only"),
    one(
        f"{MEETING} --burst",
        "forwarder, 10 × 9, 150 packets/s each, no trains",
        name="the same, without trains",
        server={"CONVENE_MEDIA_TRAINS": "false"},
    ),
    one(
        "--meeting 50 --speakers 3 --audio --bitrate 0 --ramp 10ms --warmup 2s --duration 6s",
        SPEECH,
        "≤ 4.7 µs",
        cpu_at_most(4.7),
        name="50-party audio, 3 speakers",
    ),
    ("1 × 20, join storm", storm),
    ("500 idle participants, joins", idle),
    ("10 000 cycles", churned),
    ("1 × 200 over two shards", spread),
    ("chat and media", chat),
    ("Chromium", browser),
]


def log(text):
    print(text, flush=True)


def command_output(*command):
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*:\s*(.+)$", info, re.M)
    kind = model[1] if model else platform.machine()
    return f"{os.cpu_count()} × {kind}, Linux {platform.release().split('-')[0]}"


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


INTRO = """# Benchmarks

`make bench` builds the release binary, runs everything and rewrites this page. Nothing else should run on the
machine. Absolute numbers belong to one machine on one day; the ratio to the limit of the same run is what to compare.
"""

NOTES = """## How to read it

- **CPU µs/packet**: CPU time of the whole server process by the RTP packets that reached the bots. Signalling,
  receiving, DTLS, everything is in it.
- **Limit**: the same fan-out by a bare forwarder (`benches/limit.rs`): receive, copy, write a header, seal, one UDP
  GSO train per subscriber and frame, with a call for each, where the server sends many with one. No sessions, no
  repair, no congestion control. CPU of its sending thread.
- **p50, p99**: from a bot's sending to another bot's having received and checked, on one clock. Load tool and server
  share the machine. Bots that decrypt everything need longer for a burst than the server does, so that their delays
  are mostly their own; rows with **sinks** (receivers that count every packet by its clear header and verify every
  64th) show the server's better.
- **Delivered**: frames that arrived whole and unchanged by frames sent; for sinks, packets by sequence numbers, where
  a stream that ends early or never comes counts as lost. Sinks ask for no repair.
- **kB/participant**: growth of resident memory from before the joins to the end of the measurement.
- **Others**: CPU of everything else on the machine during the run, in percent of a core. A run above 15 is repeated
  and the least disturbed one shown; where the number is still high, the row is worth little.
- Chat: `convene load chat`, every receiver a WebSocket of its own that checks order and completeness of what it gets.
  p50 and p99 are from sending to the durable acknowledgement or to the delivery, whichever the goal is about. Server and
  load tool share the cores, and half the price of a delivery is the kernel's loopback, the receiver's part included. A
  person has two devices in the room of 1 000 and ten connections where there are 10 000.
- Saturated: one publisher in bursts, 50 sinks on one shard, bisected; lossless means at least 99.99 %.
- **invalid**: the run broke one of its own conditions; its figures are shown, not to be used.
- Bots, server and kernel share the cores. The storm's p99 includes a hundred handshakes of the bots themselves.
"""


def limits():
    """Name → line of the limit program; a limit that lost packets is none."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        bench = ["cargo", "bench", "--locked", "--bench", "limit", "--", "--json", file.name]
        subprocess.run(bench, cwd=ROOT, check=True)
        return {line["name"]: line for line in json.load(open(file.name)) if line["delivered"] >= LOSSLESS}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="run only the workloads whose name contains this; prints the table")
    arguments = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    micro, found = "", {}
    if not arguments.only:
        micro = "\n\n".join(
            command_output("cargo", "bench", "--locked", "--bench", part) for part in ["packet", "forward", "join", "memory"]
        )
        log(micro)
        found = limits()
    # Every connection of a crowd is an open file, of the server and of the load tool.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    media, chats, failed = [], [], []
    for workloads, rows in ((WORKLOADS, media), (CHAT, chats)):
        for name, run in workloads:
            if arguments.only and arguments.only not in name:
                continue
            log(name)
            try:
                rows += run()
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed.append(f"{name}: {error}")
                log(f"  {error}")
    cells, chat_cells = ([row.cells(found) for row in rows] for rows in (media, chats))
    for heads, rows in ((HEADS, cells), (CHAT_HEADS, chat_cells)):
        for row in rows:
            log(" | ".join(f"{head} {cell}" for head, cell in zip(heads, row) if cell))
    if not arguments.only:
        write(cells, chat_cells, failed, micro, found)
    invalid = [row for row in media + chats if row.problems]
    if failed or invalid:
        sys.exit(f"{len(failed)} workloads could not be run, {len(invalid)} rows are invalid")


def write(cells, chat_cells, failed, micro, found):
    dirty = " with local changes" if command_output("git", "status", "--porcelain", "--untracked-files=no") else ""
    commit = command_output("git", "rev-parse", "--short", "HEAD")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    limit_rows = [
        [
            line["name"],
            number(line["cpu_us_per_packet"], 3),
            f"{line['packets_per_second_per_core']:.0f}",
            f"{line['packets_per_second']:.0f}",
            f"{line['delivered'] * 100:.2f} %",
            number(line["p50_ms"], 2),
            number(line["p99_ms"], 2),
        ]
        for line in found.values()
    ]
    limit_heads = ["Limit", "CPU µs/packet", "packets/s/core", "arrived/s", "Delivered", "p50 ms", "p99 ms"]
    parts = [
        INTRO,
        f"{today}, commit {commit}{dirty}, {machine()}.\n",
        table(HEADS, cells) + "\n",
        "## Chat\n\n" + table(CHAT_HEADS, chat_cells) + "\n",
        "".join(f"- could not be run: {line}\n" for line in failed),
        NOTES,
        "## The machine\n\n" + table(limit_heads, limit_rows) + "\n",
        f"## Per packet, without the kernel\n\n```text\n{micro}\n```\n",
    ]
    PAGE.write_text("\n".join(part for part in parts if part))
    log(f"wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
