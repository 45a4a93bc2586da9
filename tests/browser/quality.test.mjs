// A bad path is seen as one: by the others while the call lasts, and in the history afterwards.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launchChromium } from './lib/browsers.mjs';
import { Person } from './lib/people.mjs';
import { freeUdpPorts } from './lib/ports.mjs';
import { Server, impair } from './lib/server.mjs';
import { until } from './lib/wait.mjs';

const DELAY_MS = 60;
let browsers = [];
let server;
let proxy;

before(async () => {
  browsers = await Promise.all([launchChromium(), launchChromium()]);
  // Both reach the server through the proxy; what they send is lost and late.
  const port = await freeUdpPorts();
  server = await Server.start({ CONVENE_MEDIA_SHARDS: '1', CONVENE_MEDIA_ADVERTISE: `127.0.0.1:${port}` });
  proxy = await impair(`127.0.0.1:${server.mediaPort}`, { up: `loss=0.08,latency=${DELAY_MS}ms`, listen: `127.0.0.1:${port}`, seed: 3 });
});

after(async () => {
  await Promise.all(browsers.map((browser) => browser.close()));
  await proxy?.stop();
  await server?.stop();
});

const measured = (person) => person.page.evaluate(() => [...window.__convene.call.quality.values()].map((row) => JSON.parse(JSON.stringify(row))));

test('a lossy and slow path is named, shown and remembered', { timeout: 120_000 }, async () => {
  const ana = await Person.signIn(server, browsers[0], 'ana');
  const bo = await Person.signIn(server, browsers[1], 'bo');
  await ana.join('general');
  await bo.join('general', { camera: false });
  const { callId, participantId, userId } = await ana.page.evaluate(() => {
    const { callId: id, participantId: own, participants } = window.__convene.call;
    return { callId: id, participantId: own, userId: participants.find((one) => one.participantId === own).userId };
  });
  const row = await until("bo hears of ana's connection", 40_000, async () => {
    const rows = await measured(bo);
    const found = rows.find((one) => one.participantId === participantId);
    return (found?.issues.includes('high_loss_up') && found.rtt !== null && found) || Promise.reject(new Error(JSON.stringify(rows)));
  });
  console.log('measured:', JSON.stringify(row));
  assert.equal(row.userId, userId);
  assert.ok(row.rtt >= DELAY_MS * 0.9 && row.rtt < DELAY_MS + 200, `round trip ${row.rtt} ms over a path of ${DELAY_MS} ms`);
  // A perfect path scores 85. Lost words are repaired, so that the loss costs little; but it is seen and named.
  assert.ok(row.score > 0 && row.score < 85, `score ${row.score}`);
  // The next reading may be a little better or worse: what counts is that the mark follows it.
  await until('her tile shows it', 15_000, () =>
    bo.page.evaluate((id) => {
      const { score } = window.__convene.call.quality.get(id);
      const grade = score >= 62 ? 'good' : score >= 50 ? 'fair' : 'poor';
      const mark = document.querySelector(`[data-testid="tile"][data-participant="${id}"]`);
      return mark?.dataset.quality === grade && mark.querySelector(`.quality-${grade}`) !== null;
    }, participantId),
  );
  const before = (await measured(bo)).find((one) => one.participantId === participantId);
  await until('a second reading', 15_000, async () => JSON.stringify((await measured(bo)).find((one) => one.participantId === participantId)) !== JSON.stringify(before));
  await ana.leave();
  await bo.leave();
  const token = await server.login('bo');
  const record = await until('the call is in the history', 10_000, async () => {
    const answer = await fetch(`${server.url}/api/v1/calls/${callId}`, { headers: { authorization: `Bearer ${token}` } });
    const { data } = await answer.json();
    return data?.call.endedAt && data.call;
  });
  const stay = record.participants.find((one) => one.userId === userId);
  console.log('remembered:', JSON.stringify({ avgQuality: record.avgQuality, networkIssues: record.networkIssues, quality: stay.quality }));
  assert.ok(record.avgQuality > 0 && record.avgQuality < 85, `average ${record.avgQuality}`);
  assert.deepEqual([record.networkIssues, stay.quality.issues], [['high_loss_up'], ['high_loss_up']], 'and nobody is blamed for what others lost');
  assert.ok(stay.quality.rtt >= DELAY_MS * 0.9);
  const scores = await server.metric('convene_quality_score_count');
  assert.ok(scores >= 3, `${scores} scores`);
});
