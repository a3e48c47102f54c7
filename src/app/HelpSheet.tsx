import { Fragment } from 'react';
import { useTranslation } from 'react-i18next';
import { type Action, actions } from './actions.ts';
import { isMac, keyCaps } from './keys.ts';

const mac = isMac(navigator.platform);
const GROUPS: readonly Action['group'][] = ['photo', 'job', 'look', 'app'];

/** All keys, straight from the action registry. */
export function HelpSheet() {
  const { t } = useTranslation();
  return (
    <div className="sheet">
      {GROUPS.map((group) => (
        <section key={group}>
          <h3 className="sheet-title">{t(`groups.${group}`)}</h3>
          <dl>
            {actions
              .filter((one) => one.group === group && one.keys.length > 0)
              .map((one) => (
                <div className="sheet-row" key={one.id}>
                  <dt>{t(`actions.${one.id}`)}</dt>
                  <dd className="keys">
                    <Keys action={one} />
                  </dd>
                </div>
              ))}
          </dl>
        </section>
      ))}
      <p className="field-hint">{t('help.slider')}</p>
    </div>
  );
}

function Keys({ action }: { action: Action }) {
  return action.keys.map((key, index) => (
    <Fragment key={key}>
      {index > 0 && <span className="keys-or" />}
      {keyCaps(key, mac).map((cap) => (
        <kbd key={cap}>{cap}</kbd>
      ))}
    </Fragment>
  ));
}
