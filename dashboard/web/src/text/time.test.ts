import assert from 'node:assert/strict';
import { test } from 'node:test';
import { age, clock, dateTime, day } from './time.ts';

const LATE = Date.UTC(2026, 10, 25, 16, 0, 5);

test('clock and day are those of the bureau, also just after midnight', () => {
  assert.equal(clock(LATE, 'Asia/Shanghai'), '00:00:05');
  assert.equal(day(LATE, 'Asia/Shanghai'), '2026-11-26');
  assert.equal(dateTime(LATE, 'UTC'), '2026-11-25 16:00:05');
});

test('ages grow coarser as they grow', () => {
  const ages = [-5, 0, 99, 100, 5999, 6000, 172_799, 172_800].map((s) => age(s * 1000, 'en'));
  assert.deepEqual(ages, [
    '0 s ago',
    '0 s ago',
    '99 s ago',
    '1 min ago',
    '99 min ago',
    '1 h ago',
    '47 h ago',
    '2 d ago',
  ]);
});
