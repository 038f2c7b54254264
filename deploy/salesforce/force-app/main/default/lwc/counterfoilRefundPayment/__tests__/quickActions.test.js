import { createElement } from 'lwc';
import CounterfoilCancelPayment from 'c/counterfoilCancelPayment';
import CounterfoilCapturePayment from 'c/counterfoilCapturePayment';
import CounterfoilRefundPayment from 'c/counterfoilRefundPayment';
import CounterfoilRequestPayment from 'c/counterfoilRequestPayment';

jest.mock('@salesforce/apex/CounterfoilForm.open', () => ({ default: jest.fn().mockResolvedValue({}) }), {
    virtual: true
});

describe('quick actions', () => {
    afterEach(() => document.body.replaceChildren());

    it.each([
        [CounterfoilRequestPayment, 'create_payment', 'c.Counterfoil_Request_Payment_Title'],
        [CounterfoilCapturePayment, 'capture_payment', 'c.Counterfoil_Capture_Payment_Title'],
        [CounterfoilCancelPayment, 'cancel_payment', 'c.Counterfoil_Cancel_Payment_Title'],
        [CounterfoilRefundPayment, 'refund_payment', 'c.Counterfoil_Refund_Payment_Title']
    ])('%p is the form of %s, and closes', async (Action, operation, title) => {
        const element = createElement('c-action', { is: Action });
        element.recordId = '006000000000001AAA';
        document.body.appendChild(element);
        await Promise.resolve();
        const form = element.shadowRoot.querySelector('c-counterfoil-request');
        expect(form.operation).toBe(operation);
        expect(form.recordId).toBe('006000000000001AAA');
        expect(element.shadowRoot.querySelector('lightning-quick-action-panel').header).toBe(title);
        const closed = jest.fn();
        element.addEventListener('lightning__actionsclosescreen', closed);
        form.dispatchEvent(new CustomEvent('close'));
        expect(closed).toHaveBeenCalledTimes(1);
    });
});
