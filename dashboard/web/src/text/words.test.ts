import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { phrase, word, WORDS, type Key } from './words.ts';

const keys = Object.keys(WORDS.zh) as Key[];
const ENUMERATIONS = [
  'alarm',
  'status',
  'flag',
  'condition',
  'role',
  'problem',
  'outcome',
  'class',
  'kind',
  'tried',
  'booking_state',
  'booking_event',
  'booking_way',
  'booking_term',
  'need',
  'level_by',
  'age_group',
  'channel',
  'often',
  'part',
  'stage',
];

test('both languages have the same keys, none of them empty', () => {
  assert.deepEqual(Object.keys(WORDS.en), keys);
  for (const key of keys) assert.ok(WORDS.zh[key].trim() && WORDS.en[key].trim(), key);
});

test('both languages have the same places to fill', () => {
  const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of keys) assert.deepEqual(places(WORDS.en[key]), places(WORDS.zh[key]), key);
});

test('English holds no Chinese, but for the name of the other language', () => {
  const han = keys.filter((key) => /\p{Script=Han}/u.test(WORDS.en[key]));
  assert.deepEqual(han, ['language.other']);
});

test('every word is used somewhere', () => {
  const sources = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf-8' })
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf-8'))
    .join('\n');
  const unused = keys.filter(
    (key) => !ENUMERATIONS.includes(key.split('.')[0]!) && !sources.includes(`'${key}'`),
  );
  assert.deepEqual(unused, []);
});

test('a phrase is filled, and an unknown member is shown as it came', () => {
  assert.equal(phrase('en', 'age.seconds', { n: 7 }), '7 s ago');
  assert.equal(phrase('zh', 'age.seconds', { n: 7 }), '7 秒前');
  assert.equal(word('zh', 'alarm', 'emergency'), '紧急报警');
  assert.equal(word('zh', 'alarm', 'of_tomorrow'), 'of_tomorrow');
});
