import { MicroBatch } from '../micro-batch';

/** Turns that end after so many charges: a list need not be long to be decided over several. To be restored. */
export const turnsOf = (charges: number): jest.SpyInstance =>
  jest.spyOn(MicroBatch.prototype, 'isFull', 'get').mockImplementation(function (this: MicroBatch) {
    return this.chargeCount >= charges;
  });

/** A bug met by the usage event of this id when it is booked, and not before: its turn cannot be stored. To be restored. */
export const failingOn = (usageId: string): jest.SpyInstance => {
  const { addCharge } = MicroBatch.prototype;
  return jest.spyOn(MicroBatch.prototype, 'addCharge').mockImplementation(function (
    this: MicroBatch,
    charge,
    bookedAt,
  ) {
    if (charge.usage.id === usageId) throw new TypeError('a bug');
    addCharge.call(this, charge, bookedAt);
  });
};
