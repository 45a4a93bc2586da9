import { launchChromium } from './lib/browsers.mjs';
import { Person } from './lib/people.mjs';
import { Server } from './lib/server.mjs';
import { until, measureFor } from './lib/wait.mjs';
const server = await Server.start({}); const browser = await launchChromium();
try {
  const ana = await Person.signIn(server, browser, 'ana'); const bo = await Person.signIn(server, browser, 'bo');
  await ana.join('general'); await bo.join('general');
  await ana.page.waitForSelector('[data-testid="coming-line"]', {timeout: 5000}).catch(()=>console.log('no line'));
  await ana.page.screenshot({path:'/tmp/p-line.png'});
  await ana.click('control-pip'); await measureFor(2500, ()=>{}, 2500);
  await bo.page.close();
  for (const t of browser.targets()) if (t.type()==='page' && t.url()==='about:blank') { const p = await t.page(); if (await p.evaluate(()=>!!document.querySelector('.pip'))) { await p.screenshot({path:'/tmp/p-pip.png'}).catch(e=>console.log(e.message)); } }
  await ana.page.screenshot({path:'/tmp/p-call.png'});
  await ana.click('control-devices'); await measureFor(800, ()=>{}, 800); await ana.page.screenshot({path:'/tmp/p-dev.png'});
} finally { await browser.close(); await server.stop(); }
