#!/usr/bin/env python3
"""aiortc watches by WHEP, decodes what comes and reports each second how much that was.

Prints one JSON object per line: {"video": frames, "audio": frames, "width": …, "energy": …}.
"""
import argparse
import asyncio
import json

import aiohttp
import numpy
import yarl
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from wait import pause, until


def say(**words):
    print(json.dumps(words), flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    seen = {"video": 0, "audio": 0, "width": 0, "energy": 0.0}
    pc = RTCPeerConnection()
    pc.on("connectionstatechange", lambda: say(state=pc.connectionState))

    async def consume(track):
        try:
            while True:
                frame = await track.recv()
                seen[track.kind] += 1
                if track.kind == "video":
                    seen["width"] = frame.width
                else:
                    samples = frame.to_ndarray().astype(numpy.float64)
                    seen["energy"] += float(numpy.mean(samples * samples))
        except MediaStreamError:
            say(ended=track.kind)

    tasks = set()

    @pc.on("track")
    def on_track(track):
        tasks.add(asyncio.ensure_future(consume(track)))

    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")
    await pc.setLocalDescription(await pc.createOffer())
    auth = {"authorization": f"Bearer {args.token}"}
    async with aiohttp.ClientSession(headers=auth) as http:
        offer = pc.localDescription.sdp
        async with http.post(args.url, data=offer, headers={"content-type": "application/sdp"}) as answer:
            text = await answer.text()
            say(status=answer.status)
            if answer.status != 201:
                say(error=text)
                return 1
            location = str(answer.url.join(yarl.URL(answer.headers["location"])))
        await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        connected = await until(lambda: pc.connectionState == "connected", 15)
        say(connected=connected)
        loop = asyncio.get_running_loop()
        end = loop.time() + args.seconds
        while connected and loop.time() < end and pc.connectionState == "connected":
            await pause(1)
            say(**seen)
        async with http.delete(location) as gone:
            say(deleted=gone.status)
    await pc.close()
    return 0 if connected else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
