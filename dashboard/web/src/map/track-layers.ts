// A replay's line and events as layers of the map: known stretches in the colour of the condition, gaps dashed.
import type { GeoJSONSource, LayerSpecification, Map } from 'maplibre-gl';
import type { Theme } from '../desk/theme.svelte.ts';
import type { Track } from '../replay/track.ts';
import { PALETTES } from './marks.ts';

const LINES = 'track';
const EVENTS = 'track-events';
const EMPTY: GeoJSON.FeatureCollection = { type: 'FeatureCollection', features: [] };

/** Prepare a style for tracks. */
export function addTrackLayers(map: Map, theme: Theme): void {
  map.addSource(LINES, { type: 'geojson', data: EMPTY });
  map.addSource(EVENTS, { type: 'geojson', data: EMPTY });
  for (const layer of layers(theme)) map.addLayer(layer);
}

export function showTrack(map: Map, track: Track | null): void {
  const sources = [map.getSource<GeoJSONSource>(LINES), map.getSource<GeoJSONSource>(EVENTS)] as const;
  void sources[0]?.setData(track ? lines(track) : EMPTY);
  void sources[1]?.setData(track ? events(track) : EMPTY);
}

function lines(track: Track): GeoJSON.FeatureCollection {
  const features = track.lines().map((line): GeoJSON.Feature => ({
    type: 'Feature',
    properties: { kind: line.gap ? 'gap' : line.condition },
    geometry: { type: 'LineString', coordinates: line.places.map(([lon, lat]) => [lon, lat]) },
  }));
  return { type: 'FeatureCollection', features };
}

function events(track: Track): GeoJSON.FeatureCollection {
  const features = track.events.map((event): GeoJSON.Feature => {
    const { lon, lat } = track.at(event.time);
    return {
      type: 'Feature',
      properties: { kind: event.kind },
      geometry: { type: 'Point', coordinates: [lon, lat] },
    };
  });
  return { type: 'FeatureCollection', features };
}

function layers(theme: Theme): LayerSpecification[] {
  const { conditions, outline, stale } = PALETTES[theme];
  const colors = ['match', ['get', 'kind'], ...Object.entries(conditions).flat(), stale] as never;
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const;
  const known = ['!=', ['get', 'kind'], 'gap'] as never;
  return [
    {
      id: 'track-edge',
      type: 'line',
      source: LINES,
      filter: known,
      layout: round,
      paint: { 'line-color': outline, 'line-width': 7, 'line-opacity': 0.9 },
    },
    {
      id: 'track-line',
      type: 'line',
      source: LINES,
      filter: known,
      layout: round,
      paint: { 'line-color': colors, 'line-width': 4 },
    },
    {
      id: 'track-gap',
      type: 'line',
      source: LINES,
      filter: ['==', ['get', 'kind'], 'gap'],
      paint: { 'line-color': stale, 'line-width': 3, 'line-dasharray': [2, 2] },
    },
    {
      id: 'track-events',
      type: 'circle',
      source: EVENTS,
      paint: {
        'circle-radius': 5,
        'circle-color': colors,
        'circle-stroke-color': outline,
        'circle-stroke-width': 2,
      },
    },
  ];
}
