import { createElement } from 'lwc';
import CounterfoilCancelPayment from 'c/counterfoilCancelPayment';
import CounterfoilCapturePayment from 'c/counterfoilCapturePayment';
import CounterfoilCreateInvoice from 'c/counterfoilCreateInvoice';
import CounterfoilCreditInvoice from 'c/counterfoilCreditInvoice';
import CounterfoilFinaliseInvoice from 'c/counterfoilFinaliseInvoice';
import CounterfoilPayInvoice from 'c/counterfoilPayInvoice';
import CounterfoilRefundPayment from 'c/counterfoilRefundPayment';
import CounterfoilRequestPayment from 'c/counterfoilRequestPayment';
import CounterfoilSendInvoice from 'c/counterfoilSendInvoice';
import CounterfoilSyncCustomer from 'c/counterfoilSyncCustomer';
import CounterfoilVoidInvoice from 'c/counterfoilVoidInvoice';
import CounterfoilWriteOffInvoice from 'c/counterfoilWriteOffInvoice';

jest.mock('@salesforce/apex/CounterfoilForm.open', () => ({ default: jest.fn().mockResolvedValue({}) }), {
    virtual: true
});

describe('quick actions', () => {
    afterEach(() => document.body.replaceChildren());

    it.each([
        [CounterfoilRequestPayment, 'create_payment', 'c.Counterfoil_Request_Payment_Title'],
        [CounterfoilCapturePayment, 'capture_payment', 'c.Counterfoil_Capture_Payment_Title'],
        [CounterfoilCancelPayment, 'cancel_payment', 'c.Counterfoil_Cancel_Payment_Title'],
        [CounterfoilRefundPayment, 'refund_payment', 'c.Counterfoil_Refund_Payment_Title'],
        [CounterfoilCreateInvoice, 'create_invoice', 'c.Counterfoil_Create_Invoice_Title'],
        [CounterfoilFinaliseInvoice, 'finalise_invoice', 'c.Counterfoil_Finalise_Invoice_Title'],
        [CounterfoilSendInvoice, 'send_invoice', 'c.Counterfoil_Send_Invoice_Title'],
        [CounterfoilPayInvoice, 'pay_invoice', 'c.Counterfoil_Pay_Invoice_Title'],
        [CounterfoilVoidInvoice, 'void_invoice', 'c.Counterfoil_Void_Invoice_Title'],
        [CounterfoilWriteOffInvoice, 'mark_invoice_uncollectible', 'c.Counterfoil_Write_Off_Invoice_Title'],
        [CounterfoilCreditInvoice, 'credit_invoice', 'c.Counterfoil_Credit_Invoice_Title'],
        [CounterfoilSyncCustomer, 'sync_customer', 'c.Counterfoil_Sync_Customer_Title']
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
