import { useLayoutEffect, useRef } from 'preact/hooks';
import { MonitorUp } from 'lucide';
import { pauseSharing, shareAs, switchSharing } from '../devices/acts';
import { toggleScreen } from '../intents';
import { local } from '../store';
import { t } from '../strings';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';

/** Nobody forgets that they share, or what. The picture is small: a large one would show itself without end. */
export function ShareBar() {
  const { screenTrack, screenSurface, screenPaused, screenMode } = local.value;
  if (!screenTrack) return null;
  return (
    <div class="share-bar" role="status" data-testid="share-bar" data-paused={screenPaused} data-surface={screenSurface}>
      <Thumbnail track={screenTrack} />
      <Icon node={MonitorUp} size={18} />
      <span class="share-bar-text">{screenPaused ? t.share.paused : t.share.surface[screenSurface]}</span>
      <span class="segments" role="group" aria-label={t.share.mode}>
        {(['text', 'motion'] as const).map((mode) => (
          <button key={mode} type="button" class="segment" aria-pressed={screenMode === mode} data-testid={`share-${mode}`} onClick={() => shareAs(mode)}>
            {t.share[mode]}
          </button>
        ))}
      </span>
      <Button testid="share-pause" onClick={() => pauseSharing(!screenPaused)}>
        {screenPaused ? t.share.resume : t.share.pause}
      </Button>
      <Button kind="danger" testid="share-stop" onClick={() => void toggleScreen()}>
        {t.share.stop}
      </Button>
      <Button testid="share-switch" onClick={switchSharing}>
        {t.share.switch}
      </Button>
    </div>
  );
}

function Thumbnail({ track }: { track: MediaStreamTrack }) {
  const video = useRef<HTMLVideoElement>(null);
  useLayoutEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    void element.play().catch(() => {});
    return () => void (element.srcObject = null);
  }, [track]);
  return <video ref={video} class="share-thumb" autoplay playsInline muted aria-label={t.share.preview} data-testid="share-thumb" />;
}
