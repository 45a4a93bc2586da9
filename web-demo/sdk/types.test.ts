import { readFile } from 'node:fs/promises';
import type * as v from 'valibot';
import { expect, test } from 'vitest';
// @ts-expect-error -- a tool without types
import { TYPES, types } from '../tools/types.mjs';
import type {
  Answers, AuditEntry, Ban, CallRecord, Channel, Events, FilteredWord, LiveCall, Login, Member, Message, Participant, Presence, Report, Revision, Settings, Thread, User,
} from './types.gen';
import { member } from './administration';
import * as moderation from './moderation';
import { revision } from './revisions';
import * as wire from './wire';

test('the types are those of the published schema', async () => {
  const written = await readFile(TYPES as URL, 'utf8');
  expect(written === (await types()), 'run `make schemas`').toBe(true);
});

/** Compiles only where the schema takes everything that the server may send. */
const takes = <S extends v.GenericSchema>(schema: S) => ({ all: <_T extends v.InferInput<S>>() => schema });

test('what the SDK reads is what the server sends', () => {
  const read = [
    takes(wire.user).all<User>(),
    takes(wire.presence).all<Presence>(),
    takes(wire.settings).all<Settings>(),
    takes(wire.message).all<Message>(),
    takes(wire.thread).all<Thread>(),
    takes(wire.channel).all<Channel>(),
    takes(wire.login).all<Login>(),
    takes(wire.participant).all<Participant>(),
    takes(wire.liveCall).all<LiveCall>(),
    takes(wire.callRecord).all<CallRecord>(),
    takes(wire.joinData).all<Answers['call:start']>(),
    takes(wire.ready).all<Events['session:ready']>(),
    takes(wire.incomingCall).all<Events['call:incoming']>(),
    takes(wire.trackEvent).all<Events['rtc:track']>(),
    takes(wire.notice).all<Events['notification:new']>(),
    takes(wire.account).all<User>(),
    takes(member).all<Member>(),
    takes(revision).all<Revision>(),
    takes(wire.report).all<Report>(),
    takes(moderation.ban).all<Ban>(),
    takes(moderation.filter).all<FilteredWord>(),
    takes(moderation.auditEntry).all<AuditEntry>(),
    takes(wire.badge).all<Events['notification:badge']>(),
  ];
  expect(read.every((schema) => schema.type === 'object' || schema.type === 'union')).toBe(true);
});
