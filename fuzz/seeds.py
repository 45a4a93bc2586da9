#!/usr/bin/env python3
"""Writes the first corpus: small well-formed packets, built field by field from the RFCs."""
import json
import pathlib
import struct
import zlib

ROOT = pathlib.Path(__file__).parent / "corpus"


def put(target, name, data):
    folder = ROOT / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def attr(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def stun(kind, attrs, fingerprint=True):
    body = b"".join(attrs)
    length = len(body) + (8 if fingerprint else 0)
    head = struct.pack("!HHI", kind, length, 0x2112A442) + bytes(range(12))
    if not fingerprint:
        return head + body
    crc = zlib.crc32(head + body) ^ 0x5354554E
    return head + body + struct.pack("!HHI", 0x8028, 4, crc)


binding = stun(0x0001, [
    attr(0x0006, b"serverufrag:clientufrag"), attr(0x0024, struct.pack("!I", 0x6E7F1EFF)),
    attr(0x802A, bytes(8)), attr(0x0025, b""), attr(0x0008, bytes(20)),
])
put("stun", "binding_request", binding)
put("stun", "binding_bare", stun(0x0001, [], fingerprint=False))
put("stun", "binding_success", stun(0x0101, [attr(0x0020, b"\0\1" + bytes(6)), attr(0x0008, bytes(20))]))
put("stun", "length_lies", struct.pack("!HHI", 1, 0xFFFC, 0x2112A442) + bytes(12))
put("stun", "attribute_lies", struct.pack("!HHI", 1, 8, 0x2112A442) + bytes(12) + struct.pack("!HH", 6, 0xFFFF) + b"abcd")


def frames(*payloads):
    return b"".join(struct.pack("!H", len(one)) + one for one in payloads)


# The first byte is the size of the pieces in which the stream arrives.
put("framing", "checks", b"\x40" + frames(binding, binding))
put("framing", "byte_by_byte", b"\x01" + frames(b"", binding[:40], b"", b"x"))
put("framing", "largest", b"\xff" + frames(bytes(2048), b"end"))
put("framing", "length_lies", b"\x10" + frames(b"ok") + b"\xff\xffabc")


def rtp(payload, extension=b"", pt=96, marker=0, seq=1, ssrc=0x11223344, csrc=(), padding=0, profile=0xBEDE):
    first = 0x80 | (0x20 if padding else 0) | (0x10 if extension else 0) | len(csrc)
    head = struct.pack("!BBHII", first, marker << 7 | pt, seq, 90000, ssrc)
    head += b"".join(struct.pack("!I", c) for c in csrc)
    if extension:
        extension += b"\0" * (-len(extension) % 4)
        head += struct.pack("!HH", profile, len(extension) // 4) + extension
    pad = b"\0" * (padding - 1) + bytes([padding]) if padding else b""
    return head + payload + pad


def one(ident, value):
    return bytes([ident << 4 | (len(value) - 1)]) + value


VP8_KEY = b"\x10" + bytes([0x50, 0x08, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00])
VP8_FULL = bytes([0x90, 0xE0, 0x81, 0x23, 0x07, 0x41]) + VP8_KEY[1:]
VP8_DELTA = bytes([0x90, 0x80, 0x05]) + bytes([0x51, 0x08, 0x00]) + bytes(8)

put("rtp", "plain", rtp(b"payload"))
put("rtp", "audio_level", rtp(bytes(20), one(1, b"\x8c"), pt=111, marker=1))
put("rtp", "mid_rid", rtp(VP8_FULL, one(4, b"1") + one(10, b"q") + one(3, b"\0\1"), marker=1))
put("rtp", "repaired_rid", rtp(b"\0\x07" + VP8_FULL, one(4, b"1") + one(11, b"h"), pt=97))
put("rtp", "two_byte", rtp(b"x", bytes([1, 1, 0x8C, 0, 2, 3]) + b"abc", profile=0x1000))
put("rtp", "csrc", rtp(b"x", csrc=(1, 2, 3)))
put("rtp", "padded", rtp(b"x", padding=16))
put("rtp", "padding_lies", rtp(b"x")[:-1] + b"\xff")
put("rtp", "empty", rtp(b""))
put("rtp", "extension_lies", struct.pack("!BBHII", 0x90, 96, 1, 2, 3) + struct.pack("!HH", 0xBEDE, 0xFFFF) + b"abcd")


def rtcp(kind, count, body):
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


block = struct.pack("!IIIIII", 0x11223344, 0x01000002, 70000, 12, 0xAABB0000, 65536)
sr = rtcp(200, 1, struct.pack("!IIIIII", 7, 0xE8000000, 0x80000000, 90000, 100, 100000) + block)
rr = rtcp(201, 1, struct.pack("!I", 7) + block)
sdes = rtcp(202, 1, struct.pack("!I", 7) + b"\x01\x04name\0\0")
bye = rtcp(203, 1, struct.pack("!I", 7))
nack = rtcp(205, 1, struct.pack("!IIHH", 7, 8, 100, 0xF00F))
twcc = rtcp(205, 15, struct.pack("!IIHHHBB", 7, 8, 10, 4, 0, 1, 2) + b"\x20\x04\x04\x04\x04\x04\0\0")
pli = rtcp(206, 1, struct.pack("!II", 7, 8))
fir = rtcp(206, 4, struct.pack("!IIIBBH", 7, 0, 8, 1, 0, 0))
remb = rtcp(206, 15, struct.pack("!II", 7, 0) + b"REMB" + bytes([1, 0xFF, 0xFF, 0xFF]) + struct.pack("!I", 8))
put("rtcp", "compound", sr + sdes)
for name, data in dict(sr=sr, rr=rr, bye=bye, nack=nack, twcc=twcc, pli=pli, fir=fir, remb=remb).items():
    put("rtcp", name, data)
put("rtcp", "count_lies", struct.pack("!BBH", 0x9F, 201, 1) + bytes(4))
put("rtcp", "length_lies", struct.pack("!BBH", 0x81, 201, 0xFFFF) + bytes(4))

put("vp8", "keyframe", VP8_KEY)
put("vp8", "keyframe_full_descriptor", VP8_FULL)
put("vp8", "delta", VP8_DELTA)
put("vp8", "cut_after_flags", bytes([0x90, 0xF0, 0x80]))
# I L B V: 15-bit picture id, layers, TL0PICIDX, scalability structure of three sizes and a group of two pictures.
VP9_KEY = bytes([0xAA, 0x92, 0x34, 0x10, 0x07, 0x58]) + struct.pack("!HHHHHH", 320, 180, 640, 360, 1280, 720) \
    + bytes([2, 0x04, 1, 0x28, 1, 2, 0x82, 0x49])
put("vp9", "key_superframe", VP9_KEY)
put("vp9", "upper_layer", bytes([0xAC, 0x05, 0x03, 9, 0x82]))
put("vp9", "flexible", bytes([0xF8, 0x05, 0x40, 0x03, 0x08, 0x82]))
put("vp9", "group_lies", bytes([0x0A, 0x08, 0xFF, 0x0C, 1]))


class Bits:
    def __init__(self):
        self.text = ""

    def put(self, value, count):
        self.text += format(value, f"0{count}b")
        return self

    def bytes(self):
        text = self.text + "0" * (-len(self.text) % 8)
        return bytes(int(text[at:at + 8], 2) for at in range(0, len(text), 8))


def av1_structure(bits):
    """L1T3 with four templates, two chains of which all targets use the first, and a resolution."""
    bits.put(0, 6).put(2, 5)
    for step in (0, 1, 1, 3):
        bits.put(step, 2)
    for indications in ((2, 2, 2), (2, 2, 2), (0, 1, 3), (0, 0, 1)):
        for one in indications:
            bits.put(one, 2)
    for references in ((), (4,), (2,), (1,)):
        for one in references:
            bits.put(1, 1).put(one - 1, 4)
        bits.put(0, 1)
    bits.put(1, 2)  # ns(4) = 1 chain
    for template in range(4):
        bits.put(template, 4)
    return bits.put(1, 1).put(1279, 16).put(719, 16)


def av1_frame(template, number, flags=None):
    bits = Bits().put(3, 2).put(template, 6).put(number, 16)
    return bits if flags is None else bits.put(flags, 5)


def av1_pair(first, second=b""):
    return bytes([len(first)]) + first + second


AV1_KEY = av1_structure(av1_frame(0, 7, 0b10000)).bytes()
put("av1", "key", av1_pair(AV1_KEY))
put("av1", "key_and_delta", av1_pair(AV1_KEY, av1_frame(3, 8).bytes()))
put("av1", "bitmask", av1_pair(AV1_KEY, av1_frame(1, 9, 0b01000).put(0b011, 3).bytes()))
put("av1", "custom", av1_pair(AV1_KEY, av1_frame(2, 9, 0b00111).put(0b001010, 6).put(1, 2).put(3, 4).put(0, 2).put(5, 8).bytes()))
put("av1", "without_structure", av1_pair(av1_frame(1, 9).bytes()))
put("av1", "cut_structure", av1_pair(AV1_KEY[:8]))


def red_header(offset, length):
    return struct.pack("!I", (0x80 | 111) << 24 | offset << 10 | length)


put("red", "two_copies", red_header(1920, 3) + red_header(960, 2) + bytes([111]) + b"aaabbcccc")
put("red", "alone", bytes([111]) + b"frame")
put("red", "length_lies", red_header(960, 1023) + bytes([111]) + b"x")
put("red", "endless", red_header(960, 0) * 40)
put("h264", "idr", bytes([0x65, 0x88, 0x84]))
put("h264", "stap_a", bytes([0x78]) + struct.pack("!H", 4) + bytes([0x67, 0x42, 0xE0, 0x1F]) + struct.pack("!H", 2) + bytes([0x68, 0xCE]))
put("h264", "fu_a_start", bytes([0x7C, 0x85, 0x88]))
put("h264", "fu_a_middle", bytes([0x7C, 0x05, 0x88]))
put("h264", "stap_a_lies", bytes([0x78, 0xFF, 0xFF, 0x67]))

cipher = struct.pack("!HHH", 4, 0xC02B, 0xC02F)
use_srtp = struct.pack("!HH", 14, 9) + struct.pack("!H", 6) + struct.pack("!HHH", 1, 8, 7) + b"\0"
groups = struct.pack("!HHHHH", 10, 6, 4, 0x001D, 0x0017)
ems = struct.pack("!HH", 23, 0)
big = struct.pack("!HH", 51, 1216) + bytes(1216)


def hello(extensions):
    body = struct.pack("!H", 0xFEFD) + bytes(range(32)) + b"\0" + b"\0" + cipher + b"\1\0"
    return body + struct.pack("!H", len(extensions)) + extensions


def fragments(body, size):
    out = []
    for index, at in enumerate(range(0, len(body), size)):
        part = body[at:at + size]
        head = b"\x01" + len(body).to_bytes(3, "big") + b"\0\0" + at.to_bytes(3, "big") + len(part).to_bytes(3, "big")
        record = b"\x16" + struct.pack("!HHIHH", 0xFEFF, 0, 0, index, 0)[0:2] + b"\0\0" + index.to_bytes(6, "big")
        out.append(record + struct.pack("!H", len(head) + len(part)) + head + part)
    return out


put("client_hello", "small", fragments(hello(groups + use_srtp + ems), 4000)[0])
put("client_hello", "two_records", b"".join(fragments(hello(groups + big + use_srtp + ems), 1100)))
put("client_hello", "first_fragment", fragments(hello(groups + big + use_srtp), 1100)[0])
put("client_hello", "length_lies", fragments(hello(use_srtp), 4000)[0][:20] + b"\xff" * 30)

for name, data in dict(stun=binding, dtls=fragments(hello(use_srtp), 4000)[0], rtp=rtp(b"x"), rtcp=rr,
                       channel_data=b"\x40\x00\x00\x04abcd", empty=b"", one=b"\x80").items():
    put("demux", name, data)

OFFER = "\r\n".join("""v=0
o=- 1 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1 2
a=extmap-allow-mixed
m=audio 9 UDP/TLS/RTP/SAVPF 111 63
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef01234567
a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=ssrc:1 cname:x
m=video 9 UDP/TLS/RTP/SAVPF 96 97 102
c=IN IP4 0.0.0.0
a=ice-ufrag:abcd
a=ice-pwd:0123456789abcdef01234567
a=setup:actpass
a=mid:1
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=sendonly
a=rtcp-mux
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rid:q send
a=rid:h send
a=rid:f send
a=simulcast:send q;h;f
m=application 9 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=mid:2
a=sctp-port:5000
a=max-message-size:262144
""".split("\n"))
put("sdp", "browser_offer", OFFER)
put("sdp", "minimal", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
put("sdp", "no_newline", "v=0")
put("sdp", "many_lines", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 40)
put("sdp", "bad_numbers", "v=0\r\no=- 99999999999999999999 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 99999 RTP/AVP 300 -1\r\n")

for name, frame in dict(
    hello={"op": "session:hello", "id": 1, "d": {"token": "a.b.c", "device": "desktop", "client": "x", "capabilities": []}},
    send={"op": "message:send", "id": 2, "d": {"channelId": "general", "content": "hi", "nonce": "n1"}},
    offer={"op": "rtc:offer", "id": 3, "d": {"callId": "0" * 26, "sdp": "v=0", "gen": 1, "tracks": [{"mid": "0", "source": "mic", "muted": False}]}},
    subscribe={"op": "rtc:subscribe", "d": {"callId": "0" * 26, "tracks": [{"trackId": "0" * 26, "layer": "off"}]}},
    ping={"op": "ping", "id": 4294967295, "d": {"t": 1.5}},
).items():
    put("signal_json", name, json.dumps(frame))
put("signal_json", "nested", "{\"op\":\"ping\",\"d\":" + "[" * 200 + "]" * 200 + "}")
put("signal_json", "duplicate_keys", '{"op":"ping","op":"token:refresh","id":1,"id":2,"d":null}')
put("signal_json", "not_an_object", "[1,2,3]")
