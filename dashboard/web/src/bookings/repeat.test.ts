import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { chosen, first, rule } from './repeat.ts';

test('what is chosen is a rule, and the rule tells what was chosen', () => {
  for (const often of ['daily', 'workdays', 'weekly', 'monthly'] as const)
    for (const until of ['', '2027-12-31']) assert.deepEqual(chosen(rule(often, until)), { often, until });
});

test('the last day counts to its end', () => {
  assert.equal(rule('daily', '2026-12-31'), 'FREQ=DAILY;UNTIL=20261231T235959');
});

test('a rule that nobody can choose here is not taken for another', () => {
  assert.equal(chosen('FREQ=WEEKLY;BYDAY=SU').often, null);
});

test('a time is on the clock of the city', () => {
  assert.equal(Date.parse(first('2026-11-27', '07:30')), Date.parse('2026-11-26T23:30:00Z'));
});
