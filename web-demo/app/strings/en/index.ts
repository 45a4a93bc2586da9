import { admin } from './admin';
import { core } from './core';
import { guest } from './guest';
import { netTest } from './net-test';

/** All of English: what every other language has to have. */
export const en = { ...core, ...admin, ...guest, ...netTest } as const;
