import { emptyCard, flatRate, instant, withVersion } from '../testing';
import { CATALOGUE_LIMITS, cardRefusal, keyRefusal, versionRefusal } from './limits';

const LIMITS = { ...CATALOGUE_LIMITS, keys: 2, keysEver: 4, cards: 2, versions: 3, values: 17 };
const key = (organizationId: string | null, revoked = false) => ({ organizationId, revoked });
const own = (rates: number) => ({
  ...withVersion(
    emptyCard(),
    Array.from({ length: rates }, (_, i) => flatRate(`s${String(i)}`)),
    instant('2026-03-01'),
  ),
  organizationId: 'acme',
});
const tooMany = { code: 'too_many_items' };

test('an organization has so many keys that work, and so many in all; others and the installation are not counted', () => {
  expect(keyRefusal('acme', [key('acme'), key('other'), key(null), key('acme', true)], LIMITS)).toBeNull();
  expect(keyRefusal('acme', [key('acme'), key('acme')], LIMITS)).toMatchObject(tooMany);
  expect(keyRefusal('acme', [key('acme'), ...Array.from({ length: 3 }, () => key('acme', true))], LIMITS)).toMatchObject(tooMany); // prettier-ignore
  expect(
    keyRefusal(
      null,
      Array.from({ length: 9 }, () => key(null)),
      LIMITS,
    ),
  ).toBeNull();
});

test('so many cards', () => {
  expect(cardRefusal('acme', [own(1), emptyCard(), emptyCard()], LIMITS)).toBeNull();
  expect(cardRefusal('acme', [own(1), own(1)], LIMITS)).toMatchObject(tooMany);
  expect(cardRefusal(null, [emptyCard(), emptyCard(), emptyCard()], LIMITS)).toBeNull();
});

test('so many versions of a card, and so many values in all of them', () => {
  // A flat rate has four: its service, and the type, amount and unit of its price.
  const two = [flatRate('a'), flatRate('b')];
  expect(versionRefusal(own(1), two, [own(1), own(1), emptyCard()], LIMITS)).toBeNull();
  expect(versionRefusal(own(1), two, [own(2), own(1)], LIMITS)).toMatchObject(tooMany);
  const full = { ...own(1), versions: [...own(1).versions, ...own(1).versions, ...own(1).versions] };
  expect(versionRefusal(full, two, [], LIMITS)).toMatchObject(tooMany);
  expect(versionRefusal(emptyCard(), two, [own(9)], LIMITS)).toBeNull();
});
