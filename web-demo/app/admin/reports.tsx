import { useEffect, useState } from 'preact/hooks';
import { Flag } from 'lucide';
import { codeOf, isHost, listReports, resolveReport, type Report } from '../../sdk/index';
import { convene } from '../client';
import { fullDate, shortWhen } from '../format';
import { goToMessage, toast } from '../intents';
import { errorText } from '../moderation/acts';
import { PersonMenu } from '../moderation/person-menu';
import { Ask } from '../moderation/prompts';
import { channelsById, nameOf, openReports, titleOf } from '../store';
import { t } from './texts';
import { Button } from '../ui/button';
import { Icon } from '../ui/icon';
import { Rows } from './rows';
import { usePages } from './use-pages';

const STATES = ['open', 'actioned', 'dismissed', 'all'] as const;
type Shown = (typeof STATES)[number];

export function Reports() {
  const [shown, setShown] = useState<Shown>('open');
  const [deciding, setDeciding] = useState<Report | null>(null);
  const list = usePages(shown, (cursor) => listReports(convene.session, shown === 'all' ? null : shown, cursor));
  useEffect(() => convene.safety.events.on('report', list.again), [shown]);
  return (
    <>
      <label class="admin-filter">
        <span>{t.admin.show}</span>
        <select value={shown} onChange={(e) => setShown(e.currentTarget.value as Shown)} data-testid="reports-shown">
          {STATES.map((state) => (
            <option key={state} value={state}>
              {t.admin.states[state]}
            </option>
          ))}
        </select>
      </label>
      <Rows {...list} none={shown === 'open' ? t.admin.noReports : t.admin.noneSuch}>
        <ul class="stack">
          {list.rows?.map((one) => (
            <ReportRow key={one.id} report={one} onDecide={() => setDeciding(one)} />
          ))}
        </ul>
      </Rows>
      {deciding && (
        <Decide
          report={deciding}
          onClose={() => {
            setDeciding(null);
            list.again();
          }}
        />
      )}
    </>
  );
}

const placeOf = (report: Report): string => {
  const channel = channelsById.value.get(report.channelId);
  return channel ? titleOf(channel) : t.admin.elsewhere;
};

function ReportRow({ report, onDecide }: { report: Report; onDecide: () => void }) {
  const author = nameOf(report.authorId);
  const channel = channelsById.value.get(report.channelId);
  const look = async () => {
    try {
      await goToMessage(await convene.chat.message(report.messageId));
    } catch (error) {
      toast(errorText(codeOf(error)), 'error');
    }
  };
  return (
    <li class="card" data-testid="report-row" data-state={report.state}>
      <p class="card-head">
        <Icon node={Flag} size={16} class="text-2" />
        <strong dir="auto">{report.kind === 'filter' ? t.admin.unwanted : report.reason}</strong>
        <span class="tag">{t.admin.states[report.state]}</span>
      </p>
      <blockquote class="quote" dir="auto">
        {report.content}
      </blockquote>
      <p class="meta">
        <PersonMenu userId={report.authorId} name={author} channelId={report.channelId}>
          <strong class="message-author" dir="auto">
            {author}
          </strong>
        </PersonMenu>{' '}
        · <span dir="auto">{placeOf(report)}</span>
      </p>
      {report.note && <p dir="auto">{report.note}</p>}
      <p class="meta" title={fullDate(report.createdAt)}>
        {report.kind === 'filter' ? `${t.admin.byFilter}, ${shortWhen(report.createdAt)}` : t.admin.reportedBy(nameOf(report.reporterId), shortWhen(report.createdAt))}
      </p>
      {report.state !== 'open' && (
        <p class="meta">
          {t.admin.decided(t.admin.states[report.state] ?? '', nameOf(report.resolvedBy), shortWhen(report.resolvedAt))}
          {report.resolutionNote && `: ${report.resolutionNote}`}
        </p>
      )}
      <footer class="editor-actions">
        {report.state === 'open' && (
          <Button kind="primary" onClick={onDecide} testid="report-decide">
            {t.admin.decide}
          </Button>
        )}
        {channel && <Button onClick={() => void look()}>{t.admin.goTo}</Button>}
      </footer>
    </li>
  );
}

function Decide({ report, onClose }: { report: Report; onClose: () => void }) {
  const channel = channelsById.value.get(report.channelId);
  const mayRemove = channel !== undefined && !channel.archivedAt && isHost(channel);
  const run = async (data: FormData): Promise<string> => {
    const resolution = data.get('resolution') === 'dismissed' ? 'dismissed' : 'actioned';
    try {
      if (resolution === 'actioned' && data.get('remove') === 'on') await convene.chat.remove({ id: report.messageId });
      await resolveReport(convene.session, report.id, resolution, String(data.get('note') ?? '').trim());
    } catch (error) {
      const code = codeOf(error);
      return code === 'conflict.state' ? t.admin.decidedAlready : errorText(code);
    }
    openReports.value = Math.max(0, openReports.value - 1);
    toast(t.admin.done);
    return '';
  };
  return (
    <Ask title={t.admin.decideTitle} submit={t.admin.decideSubmit} testid="decide" run={run} onClose={onClose}>
      <blockquote class="quote" dir="auto">
        {nameOf(report.authorId)}: {report.content.slice(0, 600)}
      </blockquote>
      <fieldset class="choices">
        <legend>{t.admin.decision}</legend>
        {(['actioned', 'dismissed'] as const).map((one) => (
          <label key={one}>
            <input type="radio" name="resolution" value={one} defaultChecked={one === 'actioned'} autoFocus={one === 'actioned'} data-testid={`resolution-${one}`} /> {t.admin.states[one]}
          </label>
        ))}
      </fieldset>
      {mayRemove ? (
        <label class="check">
          <input type="checkbox" name="remove" data-testid="decide-remove" /> {t.admin.alsoDelete}
        </label>
      ) : (
        <p class="meta">{t.admin.cannotDelete}</p>
      )}
      <label class="field">
        <span>{t.moderation.note}</span>
        <textarea name="note" rows={2} maxLength={1_000} dir="auto" />
      </label>
    </Ask>
  );
}

