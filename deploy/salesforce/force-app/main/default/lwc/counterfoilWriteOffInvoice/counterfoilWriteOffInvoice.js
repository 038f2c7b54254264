import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Write_Off_Invoice_Title';

/** The quick action "Mark as Uncollectible": the form of mark_invoice_uncollectible in a dialog. */
export default class CounterfoilWriteOffInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
