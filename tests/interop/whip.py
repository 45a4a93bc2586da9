#!/usr/bin/env python3
"""aiortc publishes a moving picture and a tone by WHIP until its input ends or the time is over.

Prints one JSON object per line: {"state": …}, {"sent": packets}.
"""
import argparse
import asyncio
import fractions
import json
import math

import aiohttp
import av
import numpy
import yarl
from aiortc import RTCPeerConnection, RTCSessionDescription, MediaStreamTrack, VideoStreamTrack
from wait import pause, until


class Picture(VideoStreamTrack):
    """A bar that moves, so that every frame differs from the last."""

    count = 0

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        picture = numpy.zeros((360, 640, 3), numpy.uint8)
        at = (self.count * 7) % 600
        picture[:, at:at + 40] = (255, 200, 30)
        picture[(self.count * 3) % 350:][:10] = (30, 90, 255)
        self.count += 1
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Tone(MediaStreamTrack):
    kind = "audio"
    at = 0
    started = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.started = loop.time() if self.started is None else self.started
        await pause(self.started + self.at / 48000 - loop.time())
        wave = [int(8000 * math.sin(2 * math.pi * 440 * (self.at + n) / 48000)) for n in range(960)]
        frame = av.AudioFrame.from_ndarray(numpy.array([wave], numpy.int16), layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.at, fractions.Fraction(1, 48000)
        self.at += 960
        return frame


def say(**words):
    print(json.dumps(words), flush=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    pc = RTCPeerConnection()
    pc.on("connectionstatechange", lambda: say(state=pc.connectionState))
    pc.addTrack(Tone())
    pc.addTrack(Picture())
    await pc.setLocalDescription(await pc.createOffer())
    auth = {"authorization": f"Bearer {args.token}"}
    async with aiohttp.ClientSession(headers=auth) as http:
        offer = pc.localDescription.sdp
        async with http.post(args.url, data=offer, headers={"content-type": "application/sdp"}) as answer:
            text = await answer.text()
            say(status=answer.status, location=answer.headers.get("location"), type=answer.headers.get("content-type"))
            if answer.status != 201:
                say(error=text)
                return 1
            location = str(answer.url.join(yarl.URL(answer.headers["location"])))
        await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        connected = await until(lambda: pc.connectionState == "connected", 15)
        say(connected=connected)
        await until(lambda: pc.connectionState != "connected", args.seconds)
        sent = {s.kind: s.packetsSent for s in (await pc.getStats()).values() if s.type == "outbound-rtp"}
        say(sent=sent)
        async with http.delete(location) as gone:
            say(deleted=gone.status)
    await pc.close()
    return 0 if connected else 1


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
