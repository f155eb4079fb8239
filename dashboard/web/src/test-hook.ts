// What tests and the curious may read from the browser's console: `taxihub.vehicles()`. It changes nothing.
import type { Map } from 'maplibre-gl';
import type { Fleet, Vehicle } from './feed/fleet.ts';

export interface Hook {
  vehicles(): (Vehicle & { readonly age_s: number })[];
  /** Where a vehicle is drawn, pixels from the map's upper left corner. */
  project(id: number): { x: number; y: number } | undefined;
  /** The map has drawn all that it has. */
  idle(): boolean;
}

declare global {
  interface Window {
    taxihub?: Hook;
  }
}

export function expose(fleet: Fleet, map: Map): void {
  window.taxihub = Object.freeze({
    vehicles: () =>
      fleet.descriptions.map((_, slot) => {
        const vehicle = fleet.at(slot);
        return { ...vehicle, age_s: (fleet.now() - vehicle.fix) / 1000 };
      }),
    project: (id: number) => {
      const vehicle = fleet.find(id);
      if (!vehicle?.placed) return undefined;
      const { x, y } = map.project([vehicle.lon, vehicle.lat]);
      return { x, y };
    },
    idle: () => map.loaded() && !map.isMoving(),
  });
}
