import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Credit_Invoice_Title';

/** The quick action "Credit Invoice": the form of credit_invoice in a dialog. */
export default class CounterfoilCreditInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
