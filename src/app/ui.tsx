/** The few controls that several features share, on top of the headless library. */
import { Select } from '@base-ui/react/select';
import { Slider } from '@base-ui/react/slider';
import { Toggle } from '@base-ui/react/toggle';
import { ToggleGroup } from '@base-ui/react/toggle-group';
import { Check, ChevronsUpDown } from 'lucide-react';
import { type ButtonHTMLAttributes, type ReactNode, useId } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../store/index.ts';
import { type ActionId, action, perform } from './actions.ts';
import { isMac, keyCaps } from './keys.ts';

const mac = isMac(navigator.platform);

type ActionButtonProps = {
  id: ActionId;
  look?: 'icon' | 'plain' | 'primary';
  /** Shown in place of the icon. */
  mark?: string;
} & ButtonHTMLAttributes<HTMLButtonElement>;

/** A button for a record of the action registry: its icon, its name, its key in the tooltip. */
export function ActionButton({ id, look = 'plain', className = '', mark, ...rest }: ActionButtonProps) {
  const { t } = useTranslation();
  const record = action(id);
  const { icon: Icon, keys, enabled, refusal, run, release } = record;
  const on = useApp(enabled);
  const why = useApp((state) => refusal?.(state) ?? null);
  const label = t(`actions.${id}`);
  const key = keys[0];
  const name = key ? `${label} (${keyCaps(key, mac).join('+')})` : label;
  const looks = { icon: 'button-icon button-quiet', plain: '', primary: 'button-primary' };
  const held = release && {
    onPointerDown: run,
    onPointerUp: release,
    onPointerLeave: release,
    onKeyDown: (event: React.KeyboardEvent) => (event.key === ' ' || event.key === 'Enter') && run(),
    onKeyUp: release,
    onBlur: release,
    // A long press on a phone is this button's own.
    onContextMenu: (event: React.MouseEvent) => event.preventDefault(),
  };
  return (
    <button
      type="button"
      className={`button ${looks[look]} ${className}`}
      // Touch has no tooltips: where there is a reason, a press tells it, and the keyboard gets there, too.
      disabled={!on && !why}
      aria-disabled={why ? true : undefined}
      title={why ? t(why) : name}
      {...(held ?? { onClick: () => perform(record) })}
      {...rest}
    >
      {mark ? <span aria-hidden>{mark}</span> : <Icon className="icon" aria-hidden />}
      <span className={look === 'icon' ? 'sr-only' : 'button-label'}>{label}</span>
    </button>
  );
}

interface RangeProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number;
  shown?: string;
  disabled?: boolean;
  onChange: (value: number) => void;
  /** Let go of, or moved by a key. */
  onDone?: () => void;
}

export function Range({ label, value, min, max, step = 1, shown, disabled = false, onChange, onDone }: RangeProps) {
  return (
    <Slider.Root
      className="field"
      value={value}
      min={min}
      max={max}
      step={step}
      disabled={disabled}
      onValueChange={(next) => onChange(next)}
      onValueCommitted={() => onDone?.()}
    >
      <div className="field-row">
        <Slider.Label className="field-label">{label}</Slider.Label>
        <span className="field-hint">{shown ?? value}</span>
      </div>
      <Slider.Control className="slider-control">
        <Slider.Track className="slider-track">
          <Slider.Indicator className="slider-indicator" />
          <Slider.Thumb className="slider-thumb" getAriaValueText={() => shown ?? String(value)} />
        </Slider.Track>
      </Slider.Control>
    </Slider.Root>
  );
}

interface ChoiceProps<V extends string> {
  label: ReactNode;
  value: V;
  options: readonly { value: V; label: string }[];
  onChange: (value: V) => void;
  disabled?: boolean;
}

/** A row of two to four values, one of them pressed. */
export function Segments<V extends string>({
  label,
  value,
  options,
  onChange,
  disabled = false,
}: ChoiceProps<V> & { label: string }) {
  return (
    <ToggleGroup
      className="segments"
      aria-label={label}
      value={[value]}
      disabled={disabled}
      onValueChange={([next]) => next !== undefined && onChange(next)}
    >
      {options.map((option) => (
        <Toggle key={option.value} className="segment" value={option.value}>
          {option.label}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}

export function Choice<V extends string>({ label, value, options, onChange, disabled = false }: ChoiceProps<V>) {
  const id = useId();
  return (
    <div className="field-row">
      <span className="field-label" id={id}>
        {label}
      </span>
      <Select.Root
        items={options}
        value={value}
        disabled={disabled}
        onValueChange={(next: V | null) => next !== null && onChange(next)}
      >
        <Select.Trigger className="select" aria-labelledby={id}>
          <Select.Value />
          <ChevronsUpDown className="icon" aria-hidden />
        </Select.Trigger>
        <Select.Portal>
          <Select.Positioner className="select-positioner" sideOffset={4} alignItemWithTrigger={false}>
            <Select.Popup className="select-popup">
              <Select.List>
                {options.map((option) => (
                  <Select.Item key={option.value} className="select-item" value={option.value}>
                    <Select.ItemIndicator>
                      <Check className="icon" aria-hidden />
                    </Select.ItemIndicator>
                    <Select.ItemText className="select-item-text">{option.label}</Select.ItemText>
                  </Select.Item>
                ))}
              </Select.List>
            </Select.Popup>
          </Select.Positioner>
        </Select.Portal>
      </Select.Root>
    </div>
  );
}
