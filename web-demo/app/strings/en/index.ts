import { admin } from './admin';
import { core } from './core';
import { guest } from './guest';
import { netTest } from './net-test';
import { shell } from './shell';

/** All of English: what every other language has to have. */
export const en = { ...core, ...shell, ...admin, ...guest, ...netTest } as const;
