import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Pay_Invoice_Title';

/** The quick action "Pay Invoice": the form of pay_invoice in a dialog. */
export default class CounterfoilPayInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
