import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fleet, type Description } from './fleet.ts';
import { CONDITIONS, type Frame } from './frame.ts';

const named = (id: number): Description => ({
  id,
  plate: `苏E·T${id}`,
  vehicle_class: 'taxi',
  company: '',
  terminal: null,
});

function frame(kind: Frame['kind'], sequence: number, cars: Record<number, number>, condition = 0): Frame {
  const ids = Object.keys(cars).map(Number);
  return {
    kind,
    sequence,
    time: 1_795_579_200_000,
    id: Uint32Array.from(ids),
    lon: Int32Array.from(ids, (id) => cars[id]! * 1e7),
    lat: Int32Array.from(ids, () => 31e7),
    age: Uint16Array.from(ids, () => 5),
    course: Uint8Array.from(ids, () => 45),
    speed: Uint8Array.from(ids, () => 36),
    condition: Uint8Array.from(ids, () => condition),
  };
}

function fleetOf(...ids: number[]): Fleet {
  const fleet = new Fleet();
  fleet.describe(ids.map(named), true);
  return fleet;
}

const places = (fleet: Fleet) =>
  Object.fromEntries(
    fleet.descriptions.map((d, slot) => [d.id, fleet.placed[slot] ? fleet.lon[slot]! / 1e7 : null]),
  );

test('vehicles without a fix are offline and have no place', () => {
  const fleet = fleetOf(1, 2);
  assert.deepEqual(places(fleet), { 1: null, 2: null });
  assert.equal(fleet.counts()[CONDITIONS.indexOf('offline')], 2);
  assert.ok(Number.isNaN(fleet.newest()));
});

test('changes move, a snapshot replaces, a gap is noticed', () => {
  const fleet = fleetOf(1, 2);
  assert.ok(fleet.apply(frame('snapshot', 7, { 1: 120, 2: 121 })));
  assert.ok(fleet.apply(frame('changes', 8, { 2: 122 }, 1)));
  assert.deepEqual(places(fleet), { 1: 120, 2: 122 });
  assert.equal(fleet.find(2)?.condition, 'occupied');
  assert.equal(fleet.apply(frame('changes', 10, { 2: 123 })), false);
  assert.deepEqual(places(fleet), { 1: 120, 2: 122 });
  assert.ok(fleet.apply(frame('snapshot', 10, { 2: 123 })));
  assert.deepEqual(places(fleet), { 1: null, 2: 123 });
});

test('the sequence wraps', () => {
  const fleet = fleetOf(1);
  assert.ok(fleet.apply(frame('snapshot', 0xffffffff, { 1: 120 })));
  assert.ok(fleet.apply(frame('changes', 0, { 1: 121 })));
});

test('a removed vehicle leaves no trace and moves no other', () => {
  const fleet = fleetOf(1, 2, 3);
  fleet.apply(frame('snapshot', 0, { 1: 120, 2: 121, 3: 122 }));
  fleet.remove([1]);
  assert.deepEqual(places(fleet), { 2: 121, 3: 122 });
  fleet.describe([named(3), named(4)], true);
  assert.deepEqual(places(fleet), { 3: 122, 4: null });
  fleet.apply(frame('changes', 1, { 3: 100, 4: 101 }));
  assert.deepEqual(places(fleet), { 3: 100, 4: 101 });
});

test('it grows, and ages go by the clock of the server', () => {
  const fleet = fleetOf(...Array.from({ length: 1000 }, (_, i) => i));
  fleet.apply(frame('snapshot', 0, { 999: 120 }));
  assert.equal(fleet.find(999)?.lon, 120);
  const age = fleet.now() - fleet.newest();
  assert.ok(age >= 5000 && age < 6000, String(age));
});
