import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CONDITIONS, decode, UNKNOWN } from './frame.ts';

const VECTOR = new URL('../../../../tests/vectors/live_frame.json', import.meta.url);
const golden = JSON.parse(readFileSync(VECTOR, 'utf-8'));

function bytes(hex: string): ArrayBuffer {
  const out = new Uint8Array(hex.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  return out.buffer;
}

test('the golden frame means what stands beside it', () => {
  const frame = decode(bytes(golden.hex));
  const known = (value: number, factor: number) => (value === UNKNOWN ? null : value * factor);
  const vehicles = Array.from(frame.id, (id, i) => ({
    id,
    lon: frame.lon[i]! / 1e7,
    lat: frame.lat[i]! / 1e7,
    fix_ms: frame.time - frame.age[i]! * 1000,
    course_deg: known(frame.course[i]!, 2),
    speed_kmh: known(frame.speed[i]!, 1),
    condition: CONDITIONS[frame.condition[i]!],
  }));
  const said = { kind: frame.kind, sequence: frame.sequence, time_ms: frame.time, vehicles };
  assert.deepEqual(said, golden.frame);
});

test('what is no frame is refused', () => {
  assert.throws(() => decode(bytes(golden.hex.slice(0, -2))), RangeError);
  assert.throws(() => decode(bytes('02' + golden.hex.slice(2))), /version 2/);
  assert.throws(() => decode(new ArrayBuffer(0)), RangeError);
});
