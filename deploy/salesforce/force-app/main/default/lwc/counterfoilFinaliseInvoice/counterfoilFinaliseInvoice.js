import { LightningElement, api } from 'lwc';
import { CloseActionScreenEvent } from 'lightning/actions';
import title from '@salesforce/label/c.Counterfoil_Finalise_Invoice_Title';

/** The quick action "Finalise Invoice": the form of finalise_invoice in a dialog. */
export default class CounterfoilFinaliseInvoice extends LightningElement {
    @api recordId;
    title = title;

    handleClose() {
        this.dispatchEvent(new CloseActionScreenEvent());
    }
}
