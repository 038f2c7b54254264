import { createElement } from 'lwc';
import { notifyRecordUpdateAvailable } from 'lightning/uiRecordApi';
import CounterfoilRequest from 'c/counterfoilRequest';
import open from '@salesforce/apex/CounterfoilForm.open';
import ask from '@salesforce/apex/CounterfoilForm.ask';
import readAnswer from '@salesforce/apex/CounterfoilForm.answer';

jest.mock('@salesforce/apex/CounterfoilForm.open', () => ({ default: jest.fn() }), { virtual: true });
jest.mock('@salesforce/apex/CounterfoilForm.ask', () => ({ default: jest.fn() }), { virtual: true });
jest.mock('@salesforce/apex/CounterfoilForm.answer', () => ({ default: jest.fn() }), { virtual: true });

const RECORD = '006000000000001AAA';
const PAID = { targetId: 'pi_1', name: 'P-1', status: 'Partially_Refunded', amount: 100, left: 60, currencyCode: 'EUR' };
const OTHER = { ...PAID, targetId: 'pi_2', name: 'P-2', left: 5 };

const one = (element, selector) => element.shadowRoot.querySelector(selector);
const inputs = (element) => [...element.shadowRoot.querySelectorAll('lightning-input, lightning-combobox')];
const named = (element, name) => inputs(element).find((input) => input.name === name) ?? null;

async function settled() {
    await jest.advanceTimersByTimeAsync(0);
}

async function shown(operation, form) {
    open.mockResolvedValue({ version: 'v-1', ...form });
    const element = createElement('c-counterfoil-request', { is: CounterfoilRequest });
    document.body.appendChild(element);
    element.operation = operation; // as a quick action does: after it was connected
    element.recordId = RECORD;
    await settled();
    inputs(element).forEach((input) => {
        input.reportValidity = jest.fn(() => true);
    });
    return element;
}

const answerOf = (element) => one(element, '[data-id="answer"]').textContent;

function choose(element, name, value) {
    named(element, name).dispatchEvent(new CustomEvent('change', { detail: { value } }));
}

async function send(element) {
    one(element, '[data-id="send"]').dispatchEvent(new CustomEvent('click'));
    await settled();
}

describe('c-counterfoil-request', () => {
    beforeEach(() => {
        jest.useFakeTimers();
        ask.mockResolvedValue('v-1');
        readAnswer.mockResolvedValue(null);
    });

    afterEach(() => {
        document.body.replaceChildren();
        jest.clearAllMocks();
        jest.useRealTimers();
    });

    it('opens the form of the record once both are known', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        expect(open).toHaveBeenCalledTimes(1);
        expect(open).toHaveBeenCalledWith({ recordId: RECORD, operation: 'refund_payment' });
        expect(named(element, 'amount').max).toBe(60);
        expect(named(element, 'reason').options).toHaveLength(4);
    });

    it('sends what was entered as text, with the payment and the version of the form', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        choose(element, 'amount', '0.10');
        choose(element, 'reason', 'duplicate');
        await send(element);
        expect(ask).toHaveBeenCalledWith({
            recordId: RECORD,
            operation: 'refund_payment',
            entered: { version: 'v-1', targetId: 'pi_1', amount: '0.10', currencyCode: 'EUR', reason: 'duplicate' }
        });
    });

    it('lets people choose between several payments and chooses none itself', async () => {
        const element = await shown('capture_payment', { targets: [PAID, OTHER] });
        const choice = named(element, 'targetId');
        expect(choice.value).toBeUndefined();
        expect(choice.required).toBe(true);
        expect(choice.options.map((option) => option.value)).toEqual(['pi_1', 'pi_2']);
        choose(element, 'targetId', 'pi_2');
        await settled();
        expect(named(element, 'amount').max).toBe(5);
    });

    it('sends nothing while an input is wrong, and asks every input', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        named(element, 'amount').reportValidity = jest.fn(() => false);
        await send(element);
        expect(ask).not.toHaveBeenCalled();
        expect(named(element, 'reason').reportValidity).toHaveBeenCalled();
    });

    it('tells why nothing can be asked for', async () => {
        const element = await shown('refund_payment', { problem: 'not permitted' });
        expect(one(element, '[data-id="problem"]').textContent).toBe('not permitted');
        expect(one(element, '[data-id="problem"]').getAttribute('role')).toBe('alert');
        expect(one(element, '[data-id="send"]')).toBeNull();
    });

    it('wants a further payment to be confirmed', async () => {
        const element = await shown('create_payment', { amount: 100, status: 'Paid' });
        expect(named(element, 'isFurther').required).toBe(true);
        const fresh = await shown('create_payment', { amount: 100 });
        expect(named(fresh, 'isFurther')).toBeNull();
    });

    it.each([
        ['create_payment', 'c.Counterfoil_Further'],
        ['create_invoice', 'c.Counterfoil_Further_Invoice']
    ])('words the confirmation of a further one: %s', async (operation, text) => {
        const element = await shown(operation, { amount: 100, status: 'Paid' });
        expect(named(element, 'isFurther').label).toBe(text);
    });

    it('sends how far an invoice is led, and when it is due', async () => {
        const element = await shown('create_invoice', { amount: 100 });
        choose(element, 'advanceTo', 'draft');
        choose(element, 'daysUntilDue', '14');
        await send(element);
        expect(ask.mock.calls[0][0].entered).toMatchObject({ advanceTo: 'draft', daysUntilDue: '14' });
    });

    it('says what cannot be undone before it is sent', async () => {
        const element = await shown('void_invoice', { targets: [{ ...PAID, targetId: 'in_1', status: 'Open' }] });
        expect(one(element, '[data-id="note"]').textContent).toBe('c.Counterfoil_Void_Note');
        expect(named(element, 'targetId').label).toBe('c.Counterfoil_Invoice');
        await send(element);
        expect(ask.mock.calls[0][0].entered).toEqual({ version: 'v-1', targetId: 'in_1', currencyCode: 'EUR' });
    });

    it('lets a credit go to the balance', async () => {
        const element = await shown('credit_invoice', { targets: [{ ...PAID, targetId: 'in_1', status: 'Paid' }] });
        choose(element, 'creditTo', 'balance');
        await send(element);
        expect(ask.mock.calls[0][0].entered).toMatchObject({ reason: '', creditTo: 'balance', targetId: 'in_1' });
    });

    it('asks for the amount to be held', async () => {
        const element = await shown('create_payment', { amount: 100 });
        const held = named(element, 'isHeld');
        held.checked = true;
        held.dispatchEvent(new CustomEvent('change'));
        await send(element);
        expect(ask.mock.calls[0][0].entered).toMatchObject({ method: 'hosted_checkout', captureMethod: 'manual' });
    });

    it('offers a link that can be shared', async () => {
        const element = await shown('create_payment', { amount: 100 });
        expect(named(element, 'method').options.map((each) => each.value)).toEqual([
            'hosted_checkout',
            'payment_link',
            'off_session'
        ]);
        choose(element, 'method', 'payment_link');
        await send(element);
        expect(ask.mock.calls[0][0].entered).toMatchObject({ method: 'payment_link' });
    });

    it('shows the answer when it comes, and refreshes the record', async () => {
        const element = await shown('create_payment', { amount: 100 });
        ask.mockResolvedValue('1');
        await send(element);
        expect(answerOf(element)).toBe('c.Counterfoil_Waiting');
        readAnswer.mockResolvedValue({ status: 'Under_Way' });
        await jest.advanceTimersByTimeAsync(1000);
        expect(readAnswer).toHaveBeenLastCalledWith({ recordId: RECORD, operation: 'create_payment', version: '1' });
        expect(answerOf(element)).toBe('c.Counterfoil_Waiting');
        readAnswer.mockResolvedValue({ status: 'Succeeded', link: 'https://pay.example/1' });
        await jest.advanceTimersByTimeAsync(1000);
        expect(answerOf(element)).toBe('c.Counterfoil_Succeeded');
        expect(one(element, 'lightning-formatted-url').value).toBe('https://pay.example/1');
        expect(notifyRecordUpdateAvailable).toHaveBeenCalledWith([{ recordId: RECORD }]);
        expect(one(element, '[data-id="send"]')).toBeNull();
    });

    it.each([
        [{ status: 'Refused', error: 'all of it was given back' }, 'c.Counterfoil_Not_Done all of it was given back'],
        [{ status: 'Declined' }, 'c.Counterfoil_Not_Done'],
        [{ status: 'Waiting_For_Approval' }, 'c.Counterfoil_Waiting_For_Approval']
    ])('tells the end of a request: %j', async (answer, text) => {
        const element = await shown('refund_payment', { targets: [PAID] });
        readAnswer.mockResolvedValue(answer);
        await send(element);
        await jest.advanceTimersByTimeAsync(1000);
        expect(answerOf(element)).toBe(text);
    });

    it('goes on asking after a failed question, and stops after three minutes', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        readAnswer.mockRejectedValue(new Error('offline'));
        await send(element);
        await jest.advanceTimersByTimeAsync(180000);
        expect(answerOf(element)).toBe('c.Counterfoil_Still_Waiting');
        expect(readAnswer).toHaveBeenCalledTimes(14);
        await jest.advanceTimersByTimeAsync(180000);
        expect(readAnswer).toHaveBeenCalledTimes(14);
    });

    it('asks no more once it was closed', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        await send(element);
        document.body.replaceChildren();
        await jest.advanceTimersByTimeAsync(180000);
        expect(readAnswer).not.toHaveBeenCalled();
    });

    it('keeps the form and the version if the request did not leave', async () => {
        const element = await shown('refund_payment', { targets: [PAID] });
        ask.mockRejectedValue({ body: { message: 'no more events today' } });
        await send(element);
        expect(one(element, '[data-id="problem"]').textContent).toBe('no more events today');
        ask.mockRejectedValue(new TypeError('lost'));
        await send(element);
        expect(one(element, '[data-id="problem"]').textContent).toBe('c.Counterfoil_Unexpected');
        expect(ask.mock.calls.map(([sent]) => sent.entered.version)).toEqual(['v-1', 'v-1']);
    });

    it('can be closed', async () => {
        const element = await shown('cancel_payment', { targets: [PAID] });
        const closed = jest.fn();
        element.addEventListener('close', closed);
        one(element, '[data-id="close"]').dispatchEvent(new CustomEvent('click'));
        expect(closed).toHaveBeenCalledTimes(1);
    });
});
