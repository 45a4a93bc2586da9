import { useEffect, useState } from 'preact/hooks';
import { Button } from '../ui/button';

/** Long enough to read, short enough that a later press is no accident. */
const ARMED_MS = 5_000;

interface Props {
  label: string;
  /** What the second press does, in the same place. */
  sure: string;
  /** For those who do not see the row it is in. */
  about: string;
  testid: string;
  run: () => void;
}

/** Something that is done with the second press. */
export function SureButton({ label, sure, about, testid, run }: Props) {
  const [armed, setArmed] = useState(false);
  useEffect(() => {
    if (!armed) return;
    const timer = setTimeout(() => setArmed(false), ARMED_MS);
    return () => clearTimeout(timer);
  }, [armed]);
  const press = () => {
    setArmed(!armed);
    if (armed) run();
  };
  return (
    <Button kind={armed ? 'danger' : 'plain'} class="sure" onClick={press} onBlur={() => setArmed(false)} testid={testid} data-armed={armed}>
      <span aria-live="polite">{armed ? sure : label}</span>
      <span class="sr-only">: {about}</span>
    </Button>
  );
}
