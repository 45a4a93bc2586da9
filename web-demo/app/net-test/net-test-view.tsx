/** The connection test: what works, what does not, and what to do about it. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { ArrowLeft, CircleCheck, CircleDashed, CircleMinus, CircleX, Copy, LoaderCircle, Play } from 'lucide';
import { emptyResults, NET_STEPS, runNetTest, verdictOf, type NetResult, type NetResults, type NetStep } from '../../sdk/index';
import { announce } from '../a11y/announcer';
import { convene } from '../client';
import { go } from '../router';
import { t } from '../strings';
import { Button, IconButton } from '../ui/button';
import { Icon } from '../ui/icon';
import { toast } from '../intents';
import '../styles/net-test.css';

type Phase = 'idle' | 'running' | 'done';

export function NetTestView() {
  const [phase, setPhase] = useState<Phase>('idle');
  const [results, setResults] = useState<NetResults>(emptyResults);
  const running = useRef<AbortController | null>(null);

  // A test that nobody looks at any more ends.
  useEffect(() => () => running.current?.abort(), []);

  const start = async () => {
    running.current?.abort();
    const own = (running.current = new AbortController());
    setPhase('running');
    setResults(emptyResults());
    const all = await runNetTest(convene.session, (step, result) => setResults((old) => ({ ...old, [step]: result })), own.signal);
    if (own.signal.aborted) return;
    setPhase('done');
    announce(t.netTest.verdicts[verdictOf(all)].title);
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
        <h1 id="net-test-title" class="view-title">
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
          <ul class="net-test-steps" aria-busy={phase === 'running'}>
            {NET_STEPS.map((step) => (
              <Row key={step} step={step} result={results[step]} />
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
  const devices = (['microphone', 'camera'] as const).filter((one) => results[one].state === 'failed');
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

const ICONS = { waiting: CircleDashed, running: LoaderCircle, ok: CircleCheck, failed: CircleX, skipped: CircleMinus };

function Row({ step, result }: { step: NetStep; result: NetResult }) {
  const { name, hint } = t.netTest.steps[step];
  return (
    <li class="net-test-step" data-testid={`net-test-${step}`} data-state={result.state}>
      <Icon node={ICONS[result.state]} size={22} />
      <span class="net-test-text">
        <span class="net-test-name">{name}</span>
        <span class="meta">{hint}</span>
      </span>
      <span class="net-test-result">
        <span>{t.netTest.states[result.state]}</span>
        {result.state === 'ok' && result.rttMs !== undefined && <span class="meta">{t.netTest.numbers(result.rttMs, result.loss)}</span>}
      </span>
    </li>
  );
}

/** Plain text for whoever helps. No names, no addresses. */
function reportOf(results: NetResults): string {
  const lines = NET_STEPS.map((step) => {
    const { state, rttMs, loss, detail } = results[step];
    const device = step === 'microphone' || step === 'camera';
    const parts = [
      state,
      rttMs === undefined ? '' : `rtt ${Math.round(rttMs)} ms`,
      loss === undefined ? '' : `loss ${(loss * 100).toFixed(1)} %`,
      // The label of a device may say whose it is.
      detail && (!device || state === 'failed') ? detail : '',
    ];
    return `${step}: ${parts.filter(Boolean).join(', ')}`;
  });
  return [`Convene connection test, ${new Date().toISOString()}`, `verdict: ${verdictOf(results)}`, ...lines, `browser: ${navigator.userAgent}`].join('\n');
}
