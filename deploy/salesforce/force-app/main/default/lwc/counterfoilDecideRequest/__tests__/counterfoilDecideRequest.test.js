import { createElement } from 'lwc';
import { notifyRecordUpdateAvailable } from 'lightning/uiRecordApi';
import CounterfoilDecideRequest from 'c/counterfoilDecideRequest';
import problemOf from '@salesforce/apex/CounterfoilDecision.problemOf';
import send from '@salesforce/apex/CounterfoilDecision.send';

jest.mock('@salesforce/apex/CounterfoilDecision.problemOf', () => ({ default: jest.fn() }), { virtual: true });
jest.mock('@salesforce/apex/CounterfoilDecision.send', () => ({ default: jest.fn() }), { virtual: true });

const RECORD = 'a0Q000000000001AAA';
const one = (element, id) => element.shadowRoot.querySelector(`[data-id="${id}"]`);

async function shown(problem) {
    problemOf.mockResolvedValue(problem);
    const element = createElement('c-counterfoil-decide-request', { is: CounterfoilDecideRequest });
    document.body.appendChild(element);
    element.recordId = RECORD;
    await jest.advanceTimersByTimeAsync(0);
    return element;
}

async function press(element, id) {
    one(element, id).dispatchEvent(new CustomEvent('click'));
    await jest.advanceTimersByTimeAsync(0);
}

describe('c-counterfoil-decide-request', () => {
    beforeEach(() => jest.useFakeTimers());

    afterEach(() => {
        document.body.replaceChildren();
        jest.clearAllMocks();
        jest.useRealTimers();
    });

    it.each([
        ['approve', true],
        ['reject', false]
    ])('sends the decision once, with the note: %s', async (button, isApproved) => {
        send.mockResolvedValue(undefined);
        const element = await shown(null);
        element.shadowRoot
            .querySelector('lightning-textarea')
            .dispatchEvent(new CustomEvent('change', { detail: { value: 'as agreed' } }));
        await press(element, button);
        expect(send).toHaveBeenCalledTimes(1);
        expect(send).toHaveBeenCalledWith({ recordId: RECORD, isApproved, note: 'as agreed' });
        expect(one(element, 'answer').textContent).toBe('c.Counterfoil_Decision_Sent');
        expect(one(element, 'approve')).toBeNull();
        await jest.advanceTimersByTimeAsync(15000);
        expect(notifyRecordUpdateAvailable).toHaveBeenCalledTimes(3);
        expect(notifyRecordUpdateAvailable).toHaveBeenCalledWith([{ recordId: RECORD }]);
    });

    it('offers nothing to whoever cannot decide, and says why', async () => {
        const element = await shown('you asked for this yourself');
        expect(one(element, 'problem').textContent).toBe('you asked for this yourself');
        expect(one(element, 'approve')).toBeNull();
        expect(one(element, 'reject')).toBeNull();
    });

    it('tells why a decision did not leave, and lets it be sent again', async () => {
        send.mockRejectedValue({ body: { message: 'no more events today' } });
        const element = await shown(null);
        await press(element, 'approve');
        expect(one(element, 'problem').textContent).toBe('no more events today');
        send.mockResolvedValue(undefined);
        await press(element, 'approve');
        expect(one(element, 'answer').textContent).toBe('c.Counterfoil_Decision_Sent');
    });

    it('can be closed', async () => {
        const element = await shown(null);
        const closed = jest.fn();
        element.addEventListener('lightning__actionsclosescreen', closed);
        await press(element, 'close');
        expect(closed).toHaveBeenCalledTimes(1);
    });
});
