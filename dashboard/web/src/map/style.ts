// The base map by day and by night. There are no glyph files: MapLibre draws all labels with the fonts of the system.
import type { LayerSpecification, StyleSpecification } from 'maplibre-gl';
import type { Theme } from '../desk/theme.svelte.ts';

export const FONTS = '"Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", "PingFang SC", sans-serif';

const COLORS = {
  day: {
    ground: '#f3f1ec',
    built: '#eceae4',
    industrial: '#e6e4e8',
    green: '#d7e6cc',
    water: '#aed0e6',
    shore: '#8fbad6',
    building: '#dfdcd5',
    border: '#9a8fb0',
    rail: '#9a9a9a',
    casing: '#cfcac0',
    path: '#d8d2c5',
    minor: '#ffffff',
    tertiary: '#ffffff',
    secondary: '#fdf0bf',
    primary: '#fbdc8c',
    trunk: '#f7bd73',
    motorway: '#ee9a6a',
    text: '#2c3138',
    dim: '#5b626c',
    blue: '#2d6a91',
    halo: '#ffffff',
  },
  night: {
    ground: '#12171e',
    built: '#161c24',
    industrial: '#191d28',
    green: '#14231c',
    water: '#152a3c',
    shore: '#1f3d55',
    building: '#1b222b',
    border: '#6a5f86',
    rail: '#4a525e',
    casing: '#0d1116',
    path: '#222a34',
    minor: '#252e39',
    tertiary: '#2b3642',
    secondary: '#36434f',
    primary: '#44525f',
    trunk: '#55606a',
    motorway: '#6a6258',
    text: '#d5dce4',
    dim: '#98a3b0',
    blue: '#6fa3c7',
    halo: '#0d1116',
  },
} as const satisfies Record<Theme, Record<string, string>>;

const WIDTHS: Record<string, readonly [number, number, number]> = {
  path: [0, 0.6, 3],
  service: [0, 0.8, 5],
  minor: [0.2, 1.2, 9],
  tertiary: [0.5, 2, 13],
  secondary: [0.8, 3, 17],
  primary: [1.2, 3.8, 20],
  trunk: [1.5, 4.4, 22],
  motorway: [1.6, 4.6, 22],
};
const ROADS = ['path', 'service', 'minor', 'tertiary', 'secondary', 'primary', 'trunk', 'motorway'] as const;
const LABELLED = ['minor', 'tertiary', 'secondary', 'primary', 'trunk', 'motorway'] as const;

type Colors = Readonly<Record<keyof (typeof COLORS)['day'], string>>;
const BASE = { source: 'base' } as const;

/** `url` of the tiles, or null: a plain background. */
export function style(theme: Theme, url: string | null): StyleSpecification {
  const colors: Colors = COLORS[theme];
  const ground: LayerSpecification = {
    id: 'ground',
    type: 'background',
    paint: { 'background-color': colors.ground },
  };
  if (!url) return { version: 8, sources: {}, layers: [ground] };
  return {
    version: 8,
    sources: { base: { type: 'vector', url: `pmtiles://${new URL(url, location.href)}` } },
    layers: [ground, ...areas(colors), ...roads(colors), ...labels(colors)],
  };
}

function areas(colors: Colors): LayerSpecification[] {
  const fill = (
    id: string,
    layer: string,
    color: string,
    kind?: string,
    minzoom = 0,
  ): LayerSpecification => ({
    id,
    ...BASE,
    type: 'fill',
    'source-layer': layer,
    minzoom,
    ...(kind ? { filter: ['==', ['get', 'class'], kind] } : {}),
    paint: { 'fill-color': color },
  });
  return [
    fill('built', 'landuse', colors.built, 'built'),
    fill('industrial', 'landuse', colors.industrial, 'industrial'),
    fill('green', 'landuse', colors.green, 'green'),
    fill('water', 'water', colors.water, 'area'),
    {
      id: 'stream',
      ...BASE,
      type: 'line',
      'source-layer': 'water',
      filter: ['==', ['get', 'class'], 'line'],
      paint: {
        'line-color': colors.shore,
        'line-width': ['interpolate', ['linear'], ['zoom'], 10, 0.8, 16, 4],
      },
    },
    fill('buildings', 'buildings', colors.building, undefined, 14),
    {
      id: 'boundary',
      ...BASE,
      type: 'line',
      'source-layer': 'boundary',
      paint: { 'line-color': colors.border, 'line-width': 1, 'line-dasharray': [4, 2, 1, 2] },
    },
    {
      id: 'rail',
      ...BASE,
      type: 'line',
      'source-layer': 'rail',
      minzoom: 9,
      paint: {
        'line-color': colors.rail,
        'line-dasharray': [3, 2],
        'line-width': ['interpolate', ['linear'], ['zoom'], 9, 0.7, 16, 3],
      },
    },
  ];
}

/** Casings of all roads first, then their surfaces, the lesser ones below the greater ones. */
function roads(colors: Colors): LayerSpecification[] {
  const line = (road: (typeof ROADS)[number], casing: boolean): LayerSpecification => {
    const [far, middle, near] = WIDTHS[road]!;
    const extra = casing ? 1.6 : 0;
    const surface = road === 'service' ? colors.minor : colors[road];
    return {
      id: `${casing ? 'casing' : 'road'}-${road}`,
      ...BASE,
      type: 'line',
      'source-layer': 'roads',
      filter: ['==', ['get', 'class'], road],
      minzoom: casing ? 12 : 0,
      layout: { 'line-cap': casing ? 'butt' : 'round', 'line-join': 'round' },
      paint: {
        'line-color': casing ? colors.casing : surface,
        'line-width': [
          'interpolate',
          ['exponential', 1.4],
          ['zoom'],
          9,
          far,
          13,
          middle + extra,
          17,
          near + extra * 1.5,
        ],
      },
    };
  };
  return [...ROADS.slice(1).map((road) => line(road, true)), ...ROADS.map((road) => line(road, false))];
}

function labels(colors: Colors): LayerSpecification[] {
  const halo = { 'text-halo-color': colors.halo, 'text-halo-width': 1.4 };
  const road = (kind: (typeof LABELLED)[number], at: number): LayerSpecification => ({
    id: `label-${kind}`,
    ...BASE,
    type: 'symbol',
    'source-layer': 'roads',
    minzoom: 15 - Math.min(at, 4),
    filter: ['all', ['==', ['get', 'class'], kind], ['has', 'name'], ['!', ['has', 'link']]],
    layout: {
      'symbol-placement': 'line',
      'text-field': ['get', 'name'],
      'text-size': 11.5,
      'symbol-spacing': 380,
      'text-padding': 6,
    },
    paint: { 'text-color': colors.dim, ...halo },
  });
  return [
    ...LABELLED.map(road),
    {
      id: 'label-water',
      ...BASE,
      type: 'symbol',
      'source-layer': 'water',
      minzoom: 11,
      filter: ['has', 'name'],
      layout: { 'text-field': ['get', 'name'], 'text-size': 12, 'symbol-spacing': 600 },
      paint: { 'text-color': colors.blue, ...halo },
    },
    {
      id: 'label-station',
      ...BASE,
      type: 'symbol',
      'source-layer': 'stations',
      minzoom: 11,
      layout: { 'text-field': ['get', 'name'], 'text-size': 12 },
      paint: { 'text-color': colors.text, ...halo },
    },
    {
      id: 'label-place',
      ...BASE,
      type: 'symbol',
      'source-layer': 'places',
      layout: {
        'text-field': ['get', 'name'],
        'text-padding': 8,
        'symbol-sort-key': ['match', ['get', 'class'], 'city', 0, 'town', 1, 'suburb', 2, 3],
        'text-size': ['match', ['get', 'class'], 'city', 18, 'town', 15, 'suburb', 13.5, 12.5],
      },
      paint: { 'text-color': colors.text, ...halo },
    },
  ];
}
