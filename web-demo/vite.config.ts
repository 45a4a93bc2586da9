import { defineConfig } from 'vitest/config';

/** `CONVENE_URL` points the development server at a running binary (or at `npm run mock`). */
const backend = process.env['CONVENE_URL'] ?? 'http://127.0.0.1:7880';

const proxy = { '/api': backend, '/ws': { target: backend, ws: true } };

export default defineConfig({
  base: '/',
  resolve: { alias: { entities: new URL('app/chat/no-entities.ts', import.meta.url).pathname } },
  build: {
    outDir: 'dist',
    target: 'es2022',
    // Colours use light-dark(), which cannot be lowered for nested colour schemes.
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    // Inlined assets would need `data:` in more places of the policy than images.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: { port: 5173, proxy },
  preview: { port: 4173, proxy },
  test: {
    include: ['sdk/**/*.test.ts', 'app/**/*.test.ts', 'tests/**/*.test.ts'],
    environment: 'node',
    // So that the alias holds for it in tests as it does in the page.
    server: { deps: { inline: ['markdown-it'] } },
    testTimeout: 30_000,
  },
});
