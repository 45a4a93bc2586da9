/** The connection test: what works, what does not, and what to do about it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ArrowLeft, CircleAlert, CircleCheck, CircleDashed, CircleMinus, CircleX, Copy, LoaderCircle, Play } from 'lucide';
import { emptyResults, NET_STEPS, runNetTest, verdictOf, type NetResult, type NetResults, type NetStep } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { useEntry } from '../a11y/focus';
import { convene } from '../client';
import { go } from '../router';
import { t } from './texts';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { toast } from '../intents';
import '../styles/net-test.css';

type Phase = 'idle' | 'running' | 'done';

export function NetTestView() {
  const [phase, setPhase] = useState<Phase>('idle');
  const [results, setResults] = useState<NetResults>(emptyResults);
  /** Whether the notes were heard; nobody has said yet. */
  const [heard, setHeard] = useState<boolean | null>(null);
  const running = useRef<AbortController | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  useEntry(heading);

  // A test that nobody looks at any more ends.
  useEffect(() => () => running.current?.abort(), []);

  const start = async () => {
    running.current?.abort();
    const own = (running.current = new AbortController());
    setPhase('running');
    setHeard(null);
    setResults(emptyResults());
    const all = await runNetTest(convene.session, (step, result) => setResults((old) => ({ ...old, [step]: result })), own.signal);
    if (own.signal.aborted) return;
    setPhase('done');
    announce(t.netTest.verdicts[verdictOf(all)].title);
  };

  const answer = (yes: boolean) => {
    setHeard(yes);
    setResults((old) => ({ ...old, speaker: yes ? { state: 'ok', detail: 'heard' } : { state: 'failed', detail: 'not heard' } }));
  };

  const copy = () =>
    navigator.clipboard.writeText(reportOf(results)).then(
      () => toast(t.netTest.copied, 'info'),
      () => toast(t.netTest.notCopied, 'error'),
    );

  return (
    <section class="net-test" aria-labelledby="net-test-title" data-testid="net-test" data-phase={phase} data-verdict={phase === 'done' ? verdictOf(results) : ''}>
      <header class="view-head">
        <IconButton icon={ArrowLeft} class="phone-only flip-rtl" label={t.back} onClick={() => go({ name: 'home' })} />
        <h1 id="net-test-title" class="view-title" ref={heading} tabIndex={-1}>
          {t.netTest.title}
        </h1>
      </header>
      <div class="net-test-scroll">
        <div class="net-test-body">
          <p class="net-test-intro">{t.netTest.intro}</p>
          <div class="net-test-actions">
            <Button kind="primary" icon={Play} testid="net-test-start" disabled={phase === 'running'} onClick={() => void start()}>
              {phase === 'running' ? t.netTest.running : phase === 'done' ? t.netTest.again : t.netTest.start}
            </Button>
            {phase === 'done' && (
              <Button icon={Copy} testid="net-test-copy" onClick={() => void copy()}>
                {t.netTest.copy}
              </Button>
            )}
          </div>
          {phase === 'done' && <Verdict results={results} />}
          {results.speaker.state === 'ok' && heard === null && (
            <div class="note" role="group" aria-labelledby="net-test-heard" data-testid="net-test-heard">
              <span id="net-test-heard">{t.netTest.heard}</span>
              <Button testid="heard-yes" onClick={() => answer(true)}>
                {t.netTest.heardYes}
              </Button>
              <Button testid="heard-no" onClick={() => answer(false)}>
                {t.netTest.heardNo}
              </Button>
            </div>
          )}
          <ul class="net-test-steps" aria-busy={phase === 'running'}>
            {NET_STEPS.map((step) => (
              <Row key={step} step={step} result={results[step]} heard={heard} />
            ))}
          </ul>
        </div>
      </div>
    </section>
  );
}

function Verdict({ results }: { results: NetResults }) {
  const verdict = verdictOf(results);
  const { title, advice } = t.netTest.verdicts[verdict];
  const devices = [
    ...(['microphone', 'camera', 'speaker'] as const).filter((one) => results[one].state === 'failed'),
    ...(results.microphone.state === 'weak' ? (['silent'] as const) : []),
  ];
  return (
    <div class="net-test-verdict" data-kind={verdict}>
      <h2>{title}</h2>
      <p>{advice}</p>
      {devices.map((one) => (
        <p key={one}>{t.netTest.deviceAdvice[one]}</p>
      ))}
    </div>
  );
}

const ICONS = { waiting: CircleDashed, running: LoaderCircle, ok: CircleCheck, weak: CircleAlert, failed: CircleX, skipped: CircleMinus };

const megabits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

function stateText(step: NetStep, result: NetResult, heard: boolean | null): string {
  if (step === 'speaker' && result.state === 'ok' && heard === null) return t.netTest.played;
  if (step === 'microphone' && result.state === 'weak') return t.netTest.silent;
  return t.netTest.states[result.state];
}

function Row({ step, result, heard }: { step: NetStep; result: NetResult; heard: boolean | null }) {
  const { name, hint } = t.netTest.steps[step];
  const loss = (result.loss ?? 0) * 100;
  return (
    <li class="net-test-step" data-testid={`net-test-${step}`} data-state={result.state}>
      <Icon node={ICONS[result.state]} size={22} />
      <span class="net-test-text">
        <span class="net-test-name">{name}</span>
        <span class="meta">{hint}</span>
      </span>
      <span class="net-test-result">
        <span>{stateText(step, result, heard)}</span>
        {result.kbps !== undefined && (
          <span class="meta">
            {t.netTest.megabits(megabits.format(result.kbps / 1_000))}
            {loss > 0 && `, ${t.netTest.lost(megabits.format(loss))}`}
          </span>
        )}
        {result.state === 'ok' && result.rttMs !== undefined && <span class="meta">{t.netTest.numbers(result.rttMs, result.loss)}</span>}
      </span>
    </li>
  );
}

/** Plain text for whoever helps. No names, no addresses. */
function reportOf(results: NetResults): string {
  const lines = NET_STEPS.map((step) => {
    const { state, rttMs, loss, kbps, detail } = results[step];
    const device = step === 'microphone' || step === 'camera';
    const parts = [
      state,
      kbps === undefined ? '' : `${kbps} kbit/s`,
      rttMs === undefined ? '' : `rtt ${Math.round(rttMs)} ms`,
      loss === undefined ? '' : `loss ${(loss * 100).toFixed(1)} %`,
      // The label of a device may say whose it is.
      detail && (!device || state !== 'ok') ? detail : '',
    ];
    return `${step}: ${parts.filter(Boolean).join(', ')}`;
  });
  return [`Convene connection test, ${new Date().toISOString()}`, `verdict: ${verdictOf(results)}`, ...lines, `browser: ${navigator.userAgent}`].join('\n');
}
