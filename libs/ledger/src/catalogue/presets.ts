import { type Preset, SHIPPED_PRESETS } from '@drawdown/domain';

export interface Presets {
  all(): readonly Preset[];
  get(key: string): Preset | undefined;
}

/** Those that come with this version of the program; nobody writes them. */
export const shippedPresets = (): Presets => ({
  all: () => SHIPPED_PRESETS,
  get: (key) => SHIPPED_PRESETS.find((preset) => preset.key === key),
});
