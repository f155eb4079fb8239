// Day or night.
const KEPT = 'taxihub.theme';
export type Theme = 'day' | 'night';

function first(): Theme {
  const kept = localStorage.getItem(KEPT);
  if (kept === 'day' || kept === 'night') return kept;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'night' : 'day';
}

class Look {
  theme = $state<Theme>(first());

  switch(): void {
    this.theme = this.theme === 'day' ? 'night' : 'day';
    localStorage.setItem(KEPT, this.theme);
  }
}

export const look = new Look();
