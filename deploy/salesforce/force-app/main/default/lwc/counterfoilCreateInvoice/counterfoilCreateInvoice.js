import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Create_Invoice_Title';

/** The quick action "Create Invoice": the form of create_invoice in a dialog. */
export default class CounterfoilCreateInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
