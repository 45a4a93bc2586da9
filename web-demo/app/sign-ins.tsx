/** Where I am signed in, with a way out of each. */
import { useEffect, useState } from 'preact/hooks';
import { LogOut } from 'lucide';
import { endOtherSignIns, endSignIn, listSignIns, type SignIn } from '../sdk/index';
import { convene } from './client';
import { shortWhen } from './format';
import { signOut, toast } from './intents';
import { t } from './strings';
import { Button, IconButton } from './ui/button';
import { Dialog } from './ui/dialog';

/** `Mozilla/5.0 (X11; …) … Firefox/140.0` says little to people. */
const nameOf = (client: string): string => {
  const browser = /(Edg|OPR|Firefox|Chrome|Safari)\/[\d.]+/.exec(client)?.[1];
  if (!client.startsWith('Mozilla/') || !browser) return client || t.signIns.unknown;
  return { Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser;
};

export function SignInsDialog({ onClose }: { onClose: () => void }) {
  const [all, setAll] = useState<SignIn[] | null>(null);
  const [failed, setFailed] = useState(false);
  const load = () =>
    listSignIns(convene.session).then(setAll, () => setFailed(true));
  useEffect(() => void load(), []);

  const end = async (one: SignIn) => {
    if (one.current) return signOut();
    try {
      await endSignIn(convene.session, one.id);
    } catch {
      toast(t.signIns.notEnded, 'error');
    }
    await load();
  };
  const endOthers = async () => {
    try {
      await endOtherSignIns(convene.session);
    } catch {
      toast(t.signIns.notEnded, 'error');
    }
    await load();
  };

  return (
    <Dialog
      title={t.signIns.title}
      onClose={onClose}
      testid="sign-ins"
      actions={
        all && all.some((one) => !one.current) ? (
          <Button testid="sign-ins-others" onClick={() => void endOthers()}>
            {t.signIns.endOthers}
          </Button>
        ) : undefined
      }
    >
      {failed && <p class="form-error">{t.signIns.failed}</p>}
      {!all && !failed && <p class="meta">{t.loading}</p>}
      <ul class="stack">
        {(all ?? []).map((one) => (
          <li key={one.id} class="sign-in" data-testid="sign-in-item" data-current={one.current}>
            <div class="sign-in-text">
              <span dir="auto">{nameOf(one.client)}</span>
              <span class="meta">
                {one.current ? t.signIns.current : t.signIns.used(shortWhen(one.lastUsedAt))}
                {one.ip && ` · ${one.ip}`}
              </span>
            </div>
            <IconButton icon={LogOut} size={16} label={one.current ? t.nav.signOut : t.signIns.end(nameOf(one.client))} onClick={() => void end(one)} testid="sign-in-end" />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
