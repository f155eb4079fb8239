import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteFix } from '../api.ts';
import { Track } from './track.ts';

const START = Date.UTC(2026, 10, 25);

function fix(seconds: number, changes: Partial<RouteFix> = {}): RouteFix {
  return {
    time: new Date(START + seconds * 1000).toISOString(),
    lat: 31 + seconds / 1e5,
    lon: 121,
    speed_kmh: seconds / 10,
    course_deg: 90,
    altitude_m: null,
    odometer_km: null,
    alarms: [],
    status: [],
    satellites: null,
    condition: 'vacant',
    late: false,
    ...changes,
  };
}

const occupied = { status: ['occupied'], condition: 'occupied' };

test('between two fixes the place is between them; across a gap it is not known', () => {
  const track = new Track([fix(0), fix(100), fix(221), fix(221), fix(230)]);
  const at = (seconds: number) => track.at(START + seconds * 1000);
  assert.ok(Math.abs(at(50).lat - 31.0005) < 1e-9);
  assert.equal(at(50).speed, 5);
  assert.deepEqual([at(100).gap, at(101).gap, at(220).gap, at(221).gap], [false, true, true, false]);
  assert.equal(at(200).lat, at(100).lat);
  assert.equal(at(200).speed, null);
  assert.equal(at(-10).lat, 31);
  assert.equal(at(9999).lat, at(230).lat);
  assert.equal(track.before(START - 1), -1);
  assert.equal(track.before(START + 221_000), 3);
});

test('what is not reported stays unknown', () => {
  const track = new Track([fix(0, { speed_kmh: null, course_deg: null }), fix(10)]);
  assert.equal(track.at(START).speed, null);
  assert.equal(track.at(START).course, null);
  assert.equal(track.at(START + 5000).speed, null);
});

test('events are edges, not states', () => {
  const sos = { ...occupied, alarms: ['emergency'] };
  const both = { ...occupied, alarms: ['emergency', 'overspeed'] };
  const track = new Track([
    fix(0, occupied),
    fix(1, occupied),
    fix(2),
    fix(3, sos),
    fix(4, both),
    fix(5, sos),
    fix(6),
  ]);
  const said = track.events.map((e) => [(e.time - START) / 1000, e.kind, ...e.names]);
  assert.deepEqual(said, [
    [2, 'vacant'],
    [3, 'occupied'],
    [3, 'alarm', 'emergency'],
    [4, 'alarm', 'overspeed'],
    [6, 'vacant'],
  ]);
  assert.equal(track.event(START + 2000, 1)?.time, START + 3000);
  assert.equal(track.event(START + 2000, -1), undefined);
  assert.equal(track.event(START + 9000, -1)?.time, START + 6000);
});

test('lines are cut where the condition changes and where a gap is, and join without holes', () => {
  const track = new Track([
    fix(0),
    fix(10),
    fix(20, occupied),
    fix(30, occupied),
    fix(500, occupied),
    fix(510),
  ]);
  const lines = track
    .lines()
    .map((l) => [l.condition, l.gap, ...l.places.map((p) => Math.round((p[1] - 31) * 1e5))]);
  assert.deepEqual(lines, [
    ['vacant', false, 0, 10, 20],
    ['occupied', false, 20, 30],
    ['occupied', true, 30, 500],
    ['occupied', false, 500, 510],
  ]);
});

test('one fix alone, and none at all', () => {
  assert.deepEqual(new Track([fix(0)]).lines(), []);
  assert.equal(new Track([fix(0)]).at(START).lat, 31);
  assert.ok(Number.isNaN(new Track([]).from));
});

test('thousands of fixes are read at once', () => {
  const track = new Track(Array.from({ length: 20_000 }, (_, i) => fix(i * 4)));
  assert.equal(track.size, 20_000);
  assert.equal(track.lines().length, 1);
  assert.deepEqual(track.bounds(), [121, 31, 121, 31 + 79_996 / 1e5]);
});
