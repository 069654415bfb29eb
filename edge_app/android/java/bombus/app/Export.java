package bombus.app;

import android.content.Intent;
import android.net.Uri;
import android.provider.DocumentsContract;
import android.util.Base64;
import android.webkit.DownloadListener;
import android.webkit.JavascriptInterface;
import android.webkit.WebView;
import android.widget.Toast;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Scanner;
import org.json.JSONObject;

/** Downloads, which a WebView leaves to us: the person says where, the page hands the bytes. */
final class Export implements DownloadListener {
    private final MainActivity activity;
    private final WebView web;
    private Uri file;
    private OutputStream out;

    Export(MainActivity activity, WebView web) {
        this.activity = activity;
        this.web = web;
    }

    @Override
    public void onDownloadStart(
            String url, String agent, String disposition, String type, long length) {
        // Fetched now: the page forgets the URL while the person looks for a folder.
        web.evaluateJavascript(
                "bombusBlob = fetch(" + JSONObject.quote(url) + ").then(r => r.blob()), 0", null);
        Intent intent = new Intent(Intent.ACTION_CREATE_DOCUMENT);
        intent.addCategory(Intent.CATEGORY_OPENABLE);
        intent.setType(type.split(";")[0]); // from which the system adds the suffix
        intent.putExtra(Intent.EXTRA_TITLE, "bombus");
        if (!activity.open(intent, MainActivity.SAVE)) {
            tellNotSaved();
        }
    }

    /** The person has chosen a place: let the page hand the bytes over. */
    void writeTo(Uri chosen) {
        file = chosen;
        try {
            out = activity.getContentResolver().openOutputStream(file);
        } catch (IOException error) {
            out = null;
        }
        if (out == null) {
            tellNotSaved();
            return;
        }
        InputStream script = activity.getResources().openRawResource(R.raw.export);
        web.evaluateJavascript(new Scanner(script, "UTF-8").useDelimiter("\\A").next(), null);
    }

    /** Called by the page, on a thread of its own: the next bytes. */
    @JavascriptInterface
    public void write(String base64) throws IOException {
        out.write(Base64.decode(base64, Base64.DEFAULT));
    }

    /** Called by the page: all was written, or something failed and no half file shall stay. */
    @JavascriptInterface
    public void close(boolean complete) {
        boolean saved = complete;
        try {
            out.close();
        } catch (IOException error) {
            saved = false;
        }
        if (!saved) {
            tellNotSaved();
            try {
                DocumentsContract.deleteDocument(activity.getContentResolver(), file);
            } catch (IOException error) {
                return; // whatever keeps it there, the person has been told
            }
        }
    }

    private void tellNotSaved() {
        activity.runOnUiThread(
                new Runnable() {
                    @Override
                    public void run() {
                        Toast.makeText(activity, R.string.not_saved, Toast.LENGTH_LONG).show();
                    }
                });
    }
}
