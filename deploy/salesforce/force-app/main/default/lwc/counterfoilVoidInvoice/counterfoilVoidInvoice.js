import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Void_Invoice_Title';

/** The quick action "Void Invoice": the form of void_invoice in a dialog. */
export default class CounterfoilVoidInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
