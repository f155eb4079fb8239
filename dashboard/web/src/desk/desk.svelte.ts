// What the person at the desk has chosen: a screen, one vehicle, a filter, live or replay.
import { CONDITIONS } from '../feed/frame.ts';

const ALL = (1 << CONDITIONS.length) - 1;

class Desk {
  chosen = $state<number | null>(null);
  following = $state(false);
  replaying = $state(false);
  /** What lies over the map, if anything. */
  screen = $state<'map' | 'storage' | 'bookings' | 'musters' | 'levels'>('map');
  search = $state('');
  /** One bit per condition that is shown. */
  shown = $state(ALL);

  get unfiltered(): boolean {
    return this.shown === ALL;
  }

  choose(id: number | null): void {
    if (id === this.chosen) return;
    this.chosen = id;
    this.following = false;
    if (id === null) this.replaying = false;
  }

  /** Show this condition alone; all of them when it is the only one already. */
  filter(condition: number): void {
    this.shown = this.shown === 1 << condition ? ALL : 1 << condition;
  }

  unfilter(): void {
    this.shown = ALL;
  }
}

export const desk = new Desk();
