/** Words for a network, or a computer, that is too slow. Each can be closed, and then is silent for the rest of the call. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Gauge, SignalLow, X } from 'lucide';
import { NetworkWatch, WELL } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { saveMine } from '../prefs';
import { call } from '../store';
import { t } from '../strings';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';

const network = signal(WELL);
new NetworkWatch(convene.call).events.on('change', (view) => (network.value = view));

/** Also while another view is open, and until the call is over. */
const closed = signal<ReadonlySet<string>>(new Set());
convene.call.events.on('ended', () => (closed.value = new Set()));

export function NetworkNotices() {
  const { word, busy } = network.value;
  const { soundOnly, media, mediaLostAt } = call.value;
  // Lost is another matter, and says so itself. Who chose to have no pictures has nothing to stop.
  const lost = media !== 'connected' || mediaLostAt > 0;
  const said = lost ? '' : word === 'starved' ? 'starved' : word === 'slow' && !soundOnly ? 'slow' : '';
  const told = said !== '' && !closed.value.has(said);
  const tired = !lost && busy && saveMine.value === 'off' && !closed.value.has('busy');
  useEffect(() => {
    if (told) announce(said === 'slow' ? t.network.slow : t.network.starved);
  }, [told, said]);
  useEffect(() => {
    if (tired) announce(t.network.busy);
  }, [tired]);
  const close = (which: string) => (closed.value = new Set(closed.value).add(which));

  return (
    <>
      {told && (
        <div class="share-bar" role="group" data-testid="network-word" data-word={said}>
          <Icon node={SignalLow} size={18} />
          <span>{said === 'slow' ? t.network.slow : t.network.starved}</span>
          {said === 'slow' && (
            <Button testid="stop-video" onClick={() => convene.call.soundOnly(true)}>
              {t.network.stopVideo}
            </Button>
          )}
          <IconButton icon={X} size={16} label={t.close} onClick={() => close(said)} />
        </div>
      )}
      {tired && (
        <div class="share-bar" role="group" data-testid="computer-busy">
          <Icon node={Gauge} size={18} />
          <span>{t.network.busy}</span>
          <Button
            testid="send-small"
            onClick={() => {
              saveMine.value = 'on';
              announce(t.saver.smallOn);
            }}
          >
            {t.network.smaller}
          </Button>
          <IconButton icon={X} size={16} label={t.close} onClick={() => close('busy')} />
        </div>
      )}
    </>
  );
}
