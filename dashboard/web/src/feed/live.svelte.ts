// The connection to the live feed. It comes back by itself and asks for everything again after a gap.
import { Fleet, type Description } from './fleet.ts';
import { decode } from './frame.ts';

const SILENCE_MS = 7_000;
/** The server sends something every 2 s; a connection that is silent for longer than this is dead. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8_000;
const REDRAW_MS = 250;
const SESSION_ENDED = 4401;

type Event =
  | { type: 'vehicles'; complete: boolean; items: Description[] }
  | { type: 'gone'; ids: number[] }
  | { type: 'feed'; bus: boolean; database: boolean };

export const fleet = new Fleet();

class Live {
  state = $state<'connecting' | 'live' | 'lost'>('connecting');
  bus = $state(true);
  database = $state(true);
  /** All vehicles have come. */
  loaded = $state(false);
  /** Rises at most four times a second while the fleet changes: what lists are drawn by. */
  revision = $state(0);
  /** The server's clock, ms since the epoch, once a second: what ages are drawn by. */
  now = $state(Date.now());
  /** Called for every frame: what the map is drawn by. */
  moved: () => void = () => {};
  /** Called when the connection was refused, perhaps because the log-in has ended. */
  refused: () => void = () => {};

  #socket: WebSocket | null = null;
  #pause = FIRST_PAUSE_MS;
  #silence: number | undefined;
  #retry: number | undefined;
  #redraw: number | undefined;
  #clock: number | undefined;

  start(): void {
    this.#clock = window.setInterval(() => (this.now = fleet.now() || Date.now()), 1000);
    this.#connect();
  }

  stop(): void {
    for (const timer of [this.#silence, this.#retry, this.#redraw, this.#clock]) window.clearTimeout(timer);
    this.#redraw = undefined;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    fleet.disconnect();
    fleet.describe([], true);
    this.state = 'connecting';
    this.loaded = false;
  }

  #connect(): void {
    const socket = new WebSocket(
      `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`,
    );
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (message) => this.#hear(message.data as ArrayBuffer | string);
    socket.onclose = (closed) => this.#lost(socket, closed.code);
    this.#socket = socket;
    this.#listen();
  }

  #listen(): void {
    window.clearTimeout(this.#silence);
    this.#silence = window.setTimeout(() => this.#socket && this.#lost(this.#socket, 1006), SILENCE_MS);
  }

  #lost(socket: WebSocket, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    socket.onclose = null;
    socket.close();
    window.clearTimeout(this.#silence);
    fleet.disconnect();
    this.state = 'lost';
    if (code === SESSION_ENDED || code === 1006) this.refused();
    this.#retry = window.setTimeout(() => this.#connect(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
  }

  #hear(message: ArrayBuffer | string): void {
    this.#listen();
    if (typeof message === 'string') this.#take(JSON.parse(message) as Event);
    else if (fleet.apply(decode(message))) {
      this.state = 'live';
      this.#pause = FIRST_PAUSE_MS;
      this.moved();
    } else {
      fleet.disconnect();
      this.#socket?.send('{"type": "resync"}');
    }
    this.#redraw ??= window.setTimeout(() => {
      this.#redraw = undefined;
      this.revision = fleet.revision;
    }, REDRAW_MS);
  }

  #take(event: Event): void {
    if (event.type === 'vehicles') {
      fleet.describe(event.items, event.complete);
      this.loaded = true;
    } else if (event.type === 'gone') fleet.remove(event.ids);
    else if (event.type === 'feed') {
      this.bus = event.bus;
      this.database = event.database;
    }
  }
}

export const live = new Live();
