package android.app;

import android.content.Intent;
import android.os.Bundle;
import android.view.ContextThemeWrapper;
import android.view.View;
import android.window.OnBackInvokedDispatcher;

public class Activity extends ContextThemeWrapper {
    public static final int RESULT_OK = -1;

    protected void onCreate(Bundle state) {}

    protected void onSaveInstanceState(Bundle state) {}

    protected void onPause() {}

    protected void onResume() {}

    protected void onDestroy() {}

    public void onBackPressed() {}

    protected void onActivityResult(int code, int result, Intent data) {}

    public void onRequestPermissionsResult(int code, String[] permissions, int[] results) {}

    public void setContentView(View view) {}

    public void finish() {}

    public void startActivityForResult(Intent intent, int code) {}

    public final void requestPermissions(String[] permissions, int code) {}

    public final void runOnUiThread(Runnable action) {}

    public OnBackInvokedDispatcher getOnBackInvokedDispatcher() {
        return null;
    }
}
