// All vehicles in one draw call: a custom WebGL2 layer of MapLibre, one point of 16 bytes per vehicle.
//
// Mercator coordinates are too fine for 32-bit floats, so points are stored relative to an origin and the matrix is
// moved there in 64 bits. Age is not stored: the shader compares the time of the fix with `now`, so that cars turn
// grey without any work here.
import {
  MercatorCoordinate,
  type CustomLayerInterface,
  type CustomRenderMethodInput,
  type Map,
} from 'maplibre-gl';
import { STALE_MS, type Fleet } from '../feed/fleet.ts';
import { CONDITIONS, UNKNOWN } from '../feed/frame.ts';
import { DRAWN, rgb, type Palette } from './marks.ts';

const STRIDE = 16;
const SMALL_ZOOM = 9;
const LARGE_ZOOM = 15;

const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 place;
layout(location = 1) in float fix;
layout(location = 2) in uvec4 mark;
uniform mat4 matrix;
uniform float size;
uniform float now;
uniform uint shown;
uniform vec3 palette[${CONDITIONS.length}];
uniform vec3 grey;
flat out uint kind;
flat out vec3 color;
flat out vec2 heading;
flat out float nose;
void main() {
  gl_Position = matrix * vec4(place, 0.0, 1.0);
  kind = mark.y;
  bool stale = now - fix > ${(STALE_MS / 1000).toFixed(1)};
  color = stale ? mix(grey, palette[kind], kind == ${CONDITIONS.indexOf('alarm')}u ? 0.6 : 0.0) : palette[kind];
  nose = mark.x == ${UNKNOWN}u || kind == ${CONDITIONS.indexOf('offline')}u ? 0.0 : 1.0;
  float angle = radians(float(mark.x) * 2.0);
  heading = vec2(sin(angle), -cos(angle));
  gl_PointSize = size * (kind == ${CONDITIONS.indexOf('alarm')}u ? 1.25 : 1.0);
  if ((shown >> kind & 1u) == 0u) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
flat in uint kind;
flat in vec3 color;
flat in vec2 heading;
flat in float nose;
uniform float size;
uniform vec3 outline;
out vec4 pixel;
float circle(vec2 p, float r) { return length(p) - r; }
float box(vec2 p, vec2 r) { vec2 d = abs(p) - r; return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0); }
float diamond(vec2 p, float r) { return (abs(p.x) + abs(p.y) - r) * 0.7071; }
float cross_(vec2 p) { p = vec2(p.x + p.y, p.y - p.x) * 0.7071; return min(box(p, vec2(0.72, 0.16)), box(p, vec2(0.16, 0.72))); }
float triangle(vec2 p) { return max(p.y - 0.5, max(dot(p, vec2(0.866, -0.5)), dot(p, vec2(-0.866, -0.5))) - 0.42); }
float body(vec2 p) {
  if (kind == 0u) return circle(p, 0.42);
  if (kind == 1u) return box(p, vec2(0.37));
  if (kind == 2u) return diamond(p, 0.56);
  if (kind == 3u) return max(circle(p, 0.42), -box(p, vec2(0.26, 0.09)));
  if (kind == 4u) return cross_(p * 1.4) / 1.4;
  return triangle(p * 1.2) / 1.2;
}
void main() {
  vec2 p = gl_PointCoord * 2.0 - 1.0;
  float d = body(p);
  if (nose > 0.5) {
    vec2 q = vec2(dot(p, vec2(-heading.y, heading.x)), dot(p, heading));
    float tip = max(0.52 - q.y, abs(q.x) * 0.88 + q.y * 0.476 - 0.462);
    d = min(d, tip);
  }
  float soft = 2.0 / size;
  float line = max(0.1, 2.4 / size);
  float inside = 1.0 - smoothstep(-soft, 0.0, d);
  float alpha = 1.0 - smoothstep(line - soft, line, d);
  if (alpha <= 0.0) discard;
  pixel = vec4(mix(outline, color, inside) * alpha, alpha);
}`;

type Uniforms = Record<
  'matrix' | 'size' | 'now' | 'shown' | 'palette' | 'grey' | 'outline',
  WebGLUniformLocation | null
>;

export class FleetLayer implements CustomLayerInterface {
  readonly id = 'fleet';
  readonly type = 'custom' as const;
  readonly renderingMode = '2d' as const;
  /** One bit per condition that is drawn. */
  shown = 0xff;

  #fleet: Fleet;
  #palette: Palette;
  #origin: MercatorCoordinate;
  #base = 0;
  #x = new Float64Array(0);
  #y = new Float64Array(0);
  #bytes = new ArrayBuffer(0);
  #count = 0;
  #fresh = false;
  #map: Map | null = null;
  #program: WebGLProgram | null = null;
  #buffer: WebGLBuffer | null = null;
  #array: WebGLVertexArrayObject | null = null;
  #uniforms: Uniforms | null = null;

  constructor(fleet: Fleet, palette: Palette, origin: readonly [number, number]) {
    this.#fleet = fleet;
    this.#palette = palette;
    this.#origin = MercatorCoordinate.fromLngLat([origin[0], origin[1]]);
  }

  /** Take the fleet as it is now; drawn with the next frame of the map. */
  update(): void {
    const { size, placed, lon, lat, fix, course, condition } = this.#fleet;
    if (this.#x.length < size) {
      this.#x = new Float64Array(placed.length);
      this.#y = new Float64Array(placed.length);
      this.#bytes = new ArrayBuffer(placed.length * STRIDE);
    }
    if (!this.#base) this.#base = this.#fleet.now() || 0;
    const floats = new Float32Array(this.#bytes);
    const bytes = new Uint8Array(this.#bytes);
    const next = this.#offsets();
    for (let slot = 0; slot < size; slot++) {
      if (!placed[slot]) continue;
      const x = lon[slot]! / 3.6e9 + 0.5;
      const sine = Math.sin((lat[slot]! * Math.PI) / 1.8e9);
      const y = 0.5 - Math.log((1 + sine) / (1 - sine)) / (4 * Math.PI);
      this.#x[slot] = x;
      this.#y[slot] = y;
      const at = next[condition[slot]!]!++;
      floats[at * 4] = x - this.#origin.x;
      floats[at * 4 + 1] = y - this.#origin.y;
      floats[at * 4 + 2] = (fix[slot]! - this.#base) / 1000;
      bytes[at * STRIDE + 12] = course[slot]!;
      bytes[at * STRIDE + 13] = condition[slot]!;
    }
    this.#fresh = true;
    this.#map?.triggerRepaint();
  }

  /** Slot of the vehicle that is drawn nearest to a place of the map, within `reach` pixels. */
  pick(lng: number, lat: number, reach: number): number | undefined {
    if (!this.#map) return undefined;
    const at = MercatorCoordinate.fromLngLat([lng, lat]);
    const { size, placed, condition } = this.#fleet;
    let nearest: number | undefined;
    let best = reach / (512 * 2 ** this.#map.getZoom());
    for (let slot = 0; slot < size; slot++) {
      if (!placed[slot] || !((this.shown >> condition[slot]!) & 1)) continue;
      const distance = Math.hypot(this.#x[slot]! - at.x, this.#y[slot]! - at.y);
      if (distance < best) {
        best = distance;
        nearest = slot;
      }
    }
    return nearest;
  }

  onAdd(map: Map, gl: WebGL2RenderingContext): void {
    this.#map = map;
    this.#program = program(gl);
    this.#buffer = gl.createBuffer();
    this.#array = gl.createVertexArray();
    gl.bindVertexArray(this.#array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, STRIDE, 0);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 1, gl.FLOAT, false, STRIDE, 8);
    gl.enableVertexAttribArray(2);
    gl.vertexAttribIPointer(2, 4, gl.UNSIGNED_BYTE, STRIDE, 12);
    gl.bindVertexArray(null);
    const names = ['matrix', 'size', 'now', 'shown', 'palette', 'grey', 'outline'] as const;
    this.#uniforms = Object.fromEntries(
      names.map((name) => [name, gl.getUniformLocation(this.#program!, name)]),
    ) as Uniforms;
    this.update();
  }

  onRemove(_map: Map, gl: WebGL2RenderingContext): void {
    gl.deleteBuffer(this.#buffer);
    gl.deleteVertexArray(this.#array);
    gl.deleteProgram(this.#program);
    this.#map = null;
  }

  render(gl: WebGL2RenderingContext, options: CustomRenderMethodInput): void {
    if (!this.#count || !this.#uniforms || !this.#map) return;
    gl.useProgram(this.#program);
    gl.bindVertexArray(this.#array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.#buffer);
    if (this.#fresh) {
      gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(this.#bytes, 0, this.#count * STRIDE), gl.DYNAMIC_DRAW);
      this.#fresh = false;
    }
    this.#set(gl, this.#uniforms, options);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.disable(gl.DEPTH_TEST);
    gl.drawArrays(gl.POINTS, 0, this.#count);
    gl.bindVertexArray(null);
  }

  /** Diameter of a mark, pixels of the page. */
  static size(zoom: number): number {
    const share = Math.min(1, Math.max(0, (zoom - SMALL_ZOOM) / (LARGE_ZOOM - SMALL_ZOOM)));
    return 19 + 23 * share;
  }

  #set(gl: WebGL2RenderingContext, at: Uniforms, options: CustomRenderMethodInput): void {
    const palette = this.#palette;
    gl.uniformMatrix4fv(
      at.matrix,
      false,
      this.#moved(options.defaultProjectionData.mainMatrix as ArrayLike<number>),
    );
    gl.uniform1f(at.size, FleetLayer.size(this.#map!.getZoom()) * devicePixelRatio);
    gl.uniform1f(at.now, (this.#fleet.now() - this.#base) / 1000);
    gl.uniform1ui(at.shown, this.shown);
    gl.uniform3fv(
      at.palette,
      CONDITIONS.flatMap((one) => rgb(palette.conditions[one])),
    );
    gl.uniform3fv(at.grey, rgb(palette.stale));
    gl.uniform3fv(at.outline, rgb(palette.outline));
  }

  /** The matrix for places relative to the origin. */
  #moved(matrix: ArrayLike<number>): Float32Array {
    const moved = Float64Array.from(matrix);
    const { x, y } = this.#origin;
    for (let row = 0; row < 4; row++) moved[12 + row]! += moved[row]! * x + moved[4 + row]! * y;
    return Float32Array.from(moved);
  }

  /** Where the first vehicle of each condition goes, so that they are drawn in order. */
  #offsets(): number[] {
    const counts = CONDITIONS.map(() => 0);
    const { size, placed, condition } = this.#fleet;
    for (let slot = 0; slot < size; slot++) if (placed[slot]) counts[condition[slot]!]!++;
    const offsets = CONDITIONS.map(() => 0);
    let at = 0;
    for (const one of DRAWN) {
      offsets[one] = at;
      at += counts[one]!;
    }
    this.#count = at;
    return offsets;
  }
}

function program(gl: WebGL2RenderingContext): WebGLProgram {
  const linked = gl.createProgram()!;
  for (const [kind, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(kind)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) {
      throw new Error(`fleet layer: ${gl.getShaderInfoLog(shader)}`);
    }
    gl.attachShader(linked, shader);
  }
  gl.linkProgram(linked);
  if (!gl.getProgramParameter(linked, gl.LINK_STATUS))
    throw new Error(`fleet layer: ${gl.getProgramInfoLog(linked)}`);
  return linked;
}
