"""The only place where these scripts let time pass."""
import asyncio


async def pause(seconds):
    """Paces a source or a report."""
    if seconds > 0:
        await asyncio.sleep(seconds)


async def until(look, seconds):
    """Looks 20 times a second; what it saw at the deadline."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not look():
        if loop.time() >= end:
            return False
        await pause(0.05)
    return True
